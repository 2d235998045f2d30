"""`encore evaluate` says what it measured, and refuses what it cannot."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from encore.cli.main import run
from encore.cli.printing.classes import print_classes, print_confusion
from encore.cli.printing.evaluate import print_evaluation
from encore.heads import Evaluation
from encore.pipelines.head_registry.head_predictions import read_predictions
from tests.pipelines.jobs import encoder, texts, write_corpus


@dataclass(frozen=True)
class Loop:
    """A head with the classes false and true, trained on d0 to d29 of 60 documents, and its predictions for all."""

    folder: Path

    def __getattr__(self, name: str) -> str:
        return str(self.folder / name)

    def labels(self, ids: range, values: list[Any], name: str = "labels.parquet") -> str:
        pq.write_table(pa.table({"doc_id": [f"d{i}" for i in ids], "label": values}), self.folder / name)
        return str(self.folder / name)


@pytest.fixture(scope="module")
def loop(tmp_path_factory: pytest.TempPathFactory) -> Loop:
    made = Loop(tmp_path_factory.mktemp("loop"))
    corpus = write_corpus(made.folder / "a.parquet", texts(60))
    trained = made.labels(range(30), [True, False] * 15, "trained.parquet")
    assert run(["encode", corpus, "--store", made.store, "--encoder", encoder(), "--device", "cpu"]) == 0
    assert run(["train", trained, "--store", made.store, "--out", made.head, "--epochs", "1", "--dev-share", "0"]) == 0
    assert run(["backfill", "--store", made.store, "--head", made.head, "--out", made.predictions]) == 0
    answers = str(made.folder / "answers.parquet")
    assert run(["predict", corpus, "--head", made.head, "--device", "cpu", "--out", answers]) == 0
    return made


def evaluate(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    capsys.readouterr()
    code = run(["evaluate", *words])
    printed = capsys.readouterr()
    return code, printed.out, " ".join(printed.err.split())


def test_labels_that_are_written_otherwise_are_refused_and_named(
    loop: Loop, capsys: pytest.CaptureFixture[str]
) -> None:
    csv = loop.folder / "l.csv"
    csv.write_text("doc_id,label\nd40,True\nd41,False\n")
    for source in (loop.predictions, str(loop.folder / "answers.parquet")):
        code, _, error = evaluate(capsys, source, str(csv))
        assert code == 1
        assert "none of its classes, False, True, is one of the head's, false, true" in error
        assert "(written otherwise: False ~ false, True ~ true); write labels as the head has them" in error


def test_labels_in_any_normal_form_are_compared(loop: Loop, capsys: pytest.CaptureFixture[str]) -> None:
    csv = loop.folder / "l.csv"
    csv.write_text("doc_id,label\nd40,true \nd41,\tfalse\n")
    code, out, _ = evaluate(capsys, loop.predictions, str(csv), "--json")
    assert code == 0
    assert json.loads(out)["classes"] == ["false", "true"]


def test_some_labels_of_other_classes_are_refused_with_their_number(
    loop: Loop, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = loop.labels(range(40, 44), ["true", "false", "maybe", "maybe"])
    code, _, error = evaluate(capsys, loop.predictions, labels)
    assert code == 1
    assert "2 of 4 documents have labels that are no class of the head: maybe; write them" in error


@pytest.mark.parametrize(
    ("ids", "common", "title"),
    [(range(30), 30, True), (range(10, 50), 20, True), (range(25, 60), 5, False), (range(30, 60), 0, False)],
)
def test_documents_that_the_head_was_trained_on_are_told_first(
    loop: Loop,
    ids: range,
    common: int,
    title: bool,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    labels = loop.labels(ids, [i % 2 == 0 for i in ids])
    code, out, _ = evaluate(capsys, loop.predictions, labels)
    assert code == 0
    assert (f"the head was trained on {common} of the {len(ids)} documents compared" in caplog.text) is bool(common)
    assert ("on documents that it was trained on" in out.splitlines()[0]) is title
    assert (f"{common} of those compared" in out) is bool(common)
    assert json.loads(evaluate(capsys, loop.predictions, labels, "--json")[1])["trained_on"] == common


def test_a_file_of_predict_learns_of_the_training_from_the_heads_own_folder(
    loop: Loop, capsys: pytest.CaptureFixture[str]
) -> None:
    labels, answers = loop.labels(range(30), [True, False] * 15), str(loop.folder / "answers.parquet")
    assert json.loads(evaluate(capsys, answers, labels, "--json")[1])["trained_on"] is None
    assert "not known which of them: name the head's own folder, --head HEAD_DIR" in " ".join(
        evaluate(capsys, answers, labels)[1].split()
    )
    for source in (answers, loop.predictions):
        found = json.loads(evaluate(capsys, source, labels, "--head", loop.head, "--json")[1])
        assert found["trained_on"] == 30


def test_of_a_file_of_several_heads_the_classes_are_known_from_a_heads_own_folder(loop: Loop) -> None:
    answers = pq.read_table(loop.folder / "answers.parquet")
    other = pa.array(["other@0123456789ab"] * len(answers))
    both = loop.folder / "both.parquet"
    pq.write_table(
        pa.concat_tables(
            [
                table.select(["doc_id", "head", "label"])
                for table in (
                    answers.set_column(answers.column_names.index("head"), "head", answers["head"].cast(pa.string())),
                    answers.set_column(answers.column_names.index("head"), "head", other),
                )
            ]
        ),
        both,
    )
    assert read_predictions(str(both), "head").classes is None
    assert read_predictions(str(both), loop.head).classes == ("false", "true")


def test_predictions_know_all_classes_of_their_head_though_it_answers_one(loop: Loop) -> None:
    for source in (loop.predictions, str(loop.folder / "answers.parquet")):
        assert read_predictions(source, None).classes == ("false", "true")


def test_answers_of_several_heads_in_one_file_do_not_lend_each_other_classes(
    loop: Loop, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = loop.labels(range(30), ["even", "odd"] * 15)
    other, both = str(tmp_path / "parity"), str(tmp_path / "both.parquet")
    assert run(["train", words, "--store", loop.store, "--out", other, "--epochs", "1", "--dev-share", "0"]) == 0
    corpus = str(loop.folder / "a.parquet")
    heads = ["--head", loop.head, "--head", other]
    assert run(["predict", corpus, *heads, "--device", "cpu", "--out", both]) == 0
    code, _, error = evaluate(capsys, both, words, "--head", "head")
    assert code == 1
    assert "none of its classes, even, odd, is one of the head's" in error
    assert evaluate(capsys, both, words, "--head", "parity")[0] == 0


def test_a_copy_of_the_head_that_is_lost_is_no_loss_and_one_that_is_damaged_an_error(
    loop: Loop, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = shutil.copytree(loop.predictions, tmp_path / "predictions")
    labels = loop.labels(range(30), [True, False] * 15)
    (kept,) = folder.glob("heads/*/head.json")
    kept.write_text(kept.read_text().replace('"trained_on": "', '"trained_on": "!'))
    code, _, error = evaluate(capsys, str(folder), labels)
    assert code == 1
    assert "head.json: damaged" in error
    kept.unlink()
    code, out, _ = evaluate(capsys, str(folder), labels, "--json")
    assert code == 0
    assert json.loads(out)["trained_on"] is None


def evaluation_of(classes: int, documents: int, names: str = "class {}") -> Evaluation:
    truth = np.arange(documents) % classes
    predicted = np.where(np.arange(documents) < classes, (truth + 1) % classes, truth)
    return Evaluation.of(truth, predicted, tuple(names.format(at) for at in range(classes)))


def test_what_is_not_defined_is_said_to_be(capsys: pytest.CaptureFixture[str]) -> None:
    print_evaluation("t@1", Evaluation.of(np.zeros(5, np.int64), np.zeros(5, np.int64), ("only",)))
    out = capsys.readouterr().out
    mcc = next(line for line in out.splitlines() if "mcc" in line)
    assert mcc.count("not defined") == 2
    assert "mcc not defined: the documents are all of one class" in " ".join(out.split())
    assert "0.0000" not in out


def test_a_matrix_that_is_wider_than_the_terminal_gives_way_to_what_is_confused_most(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    print_confusion(evaluation_of(4, 40))
    assert "true class by row" in capsys.readouterr().out
    print_confusion(evaluation_of(4, 40, "a rather long class {}"))
    out = capsys.readouterr().out
    assert "true class by row" not in out
    assert "confused most" in out
    assert max(map(len, out.splitlines())) <= 80
    assert "a rather long class 3 │ a rather long class 0 │" in out


def test_of_many_classes_the_ten_that_are_found_least_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    classes = tuple(f"c{at:02}" for at in range(40))
    truth = np.repeat(np.arange(39), 2)
    predicted = np.where(truth % 4 == 0, 1, truth)
    print_classes(Evaluation.of(truth, predicted, classes), classes, range(40))
    out = capsys.readouterr().out
    assert out.splitlines()[0] == "10 of 40 classes: those of the lowest recall"
    assert [line.split()[1] for line in out.splitlines() if line.startswith("│")] == [
        f"c{at:02}" for at in range(0, 39, 4)
    ]


def test_rows_without_a_label_are_told(loop: Loop, capsys: pytest.CaptureFixture[str]) -> None:
    some = loop.labels(range(30, 40), [True, None, False, None, True, False, True, False, True, False], "some.parquet")
    assert run(["evaluate", loop.predictions, some, "--head", loop.head]) == 0
    assert "labels     2 rows without an id or a label" in capsys.readouterr().out
    assert run(["evaluate", loop.predictions, some, "--head", loop.head, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["blank"], found["missing"], found["documents"]) == (2, 0, 8)


def test_a_head_that_answers_one_class_alone_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    truth, one = np.array([0, 1, 1, 0]), np.array([1, 1, 1, 1])
    print_evaluation("tone", Evaluation.of(truth, one, ["a", "b"], missing=0, unlabelled=0, trained_on=0))
    assert "mcc        0: the head gives every document the same class" in capsys.readouterr().out
    print_evaluation("tone", Evaluation.of(truth, truth, ["a", "b"], missing=0, unlabelled=0, trained_on=0))
    assert "mcc        0" not in capsys.readouterr().out
