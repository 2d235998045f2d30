from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from datetime import timedelta
from inspect import signature
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from encore.cli.commands.backfill import backfill
from encore.cli.commands.encode import encode
from encore.cli.main import run
from encore.featurestore import Catalogue
from encore.featurestore.removal.vacuum import vacuum
from encore.featurestore.rewriting.compaction import compact
from encore.featurestore.rewriting.deletion import delete
from encore.featurestore.storage.sync import NO_SYNC
from encore.pipelines.predictions import PredictionsFolder
from tests.cli.loading import ENTRIES, load_commands
from tests.panics import panic
from tests.pipelines.jobs import encoder, texts, write_corpus


def encode_words(corpus: str, store: Path, *more: str) -> list[str]:
    return ["encode", corpus, "--store", str(store), "--encoder", encoder(), "--device", "cpu", *more]


@pytest.fixture
def corpus(tmp_path: Path) -> str:
    return write_corpus(tmp_path / "a.parquet", texts(40))


@pytest.fixture
def labels(tmp_path: Path) -> str:
    table = pa.table({"doc_id": [f"d{i}" for i in range(40)], "label": ["even", "odd"] * 20})
    pq.write_table(table, tmp_path / "labels.parquet")
    return str(tmp_path / "labels.parquet")


@pytest.mark.parametrize("words", [words for words, entry in ENTRIES.items() if not entry.commands])
def test_every_command_has_an_example_in_its_help(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*words.split(), "--help"]) == 0
    assert f"Example: encore {words}" in " ".join(capsys.readouterr().out.split())


def test_every_command_that_writes_what_is_to_last_can_leave_it_to_the_system() -> None:
    commands = load_commands()
    found = {name for name, command in commands.items() if "--no-sync" in {o for p in command.params for o in p.opts}}
    assert found == {words for words, entry in ENTRIES.items() if entry.writes and not entry.commands}


def test_what_is_synced_is_chosen_by_the_command_and_by_the_environment(
    corpus: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    monkeypatch.setenv(NO_SYNC, "1")
    assert run(encode_words(corpus, tmp_path / "a")) == 0
    monkeypatch.setenv(NO_SYNC, "0")
    assert run(encode_words(corpus, tmp_path / "b", "--no-sync")) == 0
    assert os.environ[NO_SYNC] == "1"
    assert synced == []
    monkeypatch.setenv(NO_SYNC, "")
    assert run(encode_words(corpus, tmp_path / "c")) == 0
    assert synced


def test_help_loads_neither_torch_nor_beam() -> None:
    heavy = "{'torch', 'apache_beam', 'pyarrow', 'zarr'}"
    code = f"import sys; from encore.cli.main import run; run(['--help']); print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2]
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_the_loop_runs_by_the_command_line_alone(
    tmp_path: Path, corpus: str, labels: str, capsys: pytest.CaptureFixture[str]
) -> None:
    store, head, out = (str(tmp_path / name) for name in ("store", "parity", "out"))
    assert (
        run(
            encode_words(corpus, tmp_path / "store", "--report", str(tmp_path / "report.json")),
            ("--direct_num_workers=1",),
        )
        == 0
    )
    assert json.loads((tmp_path / "report.json").read_text())["documents"]["encoded"] == 40
    assert run(["train", labels, "--store", store, "--out", head, "--epochs", "2"]) == 0
    assert run(["backfill", "--store", store, "--head", head, "--out", out]) == 0
    capsys.readouterr()
    assert run(["evaluate", out, labels, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["documents"] == 40
    assert {"accuracy", "macro_f1", "mcc", "confusion", "intervals"} <= set(found)
    assert run(["predict", corpus, "--head", head, "--device", "cpu", "--out", str(tmp_path / "answers.parquet")]) == 0
    assert run(["evaluate", str(tmp_path / "answers.parquet"), labels, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["accuracy"] == found["accuracy"]


def test_inspect_and_documents_say_what_is_stored(
    tmp_path: Path, corpus: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run(encode_words(corpus, tmp_path / "store"))
    capsys.readouterr()
    assert run(["inspect", "--store", str(tmp_path / "store"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["counts"]["documents"], found["spec"]["quantizer"]) == (40, {"request": "sign"})
    assert run(["inspect", "--store", str(tmp_path / "store"), "--digest"]) == 0
    assert len(capsys.readouterr().out.strip()) == 64
    assert run(["documents", "--store", str(tmp_path / "store"), "--out", str(tmp_path / "all.csv")]) == 0
    assert (tmp_path / "all.csv").read_text().count("\n") == 41


def test_defaults_are_those_of_the_design() -> None:
    defaults = {name: parameter.default for name, parameter in signature(encode).parameters.items()}
    expected = {
        "encoder": "minilm",
        "layers": None,
        "positions": "tokens",
        "quantizer": "sign",
        "max_length": None,
        "device": "auto",
        "dtype": "float32",
        "id_column": "doc_id",
        "text_column": "text",
        "pair_column": None,
        "codec": None,
        "unit_rows": None,
        "max_dead_letters": None,
        "prune": False,
    }
    assert {name: defaults[name] for name in expected} == expected


def test_backfill_scores_on_a_gpu_where_there_is_one_and_in_single_precision() -> None:
    parameters = signature(backfill).parameters
    assert (parameters["device"].default, parameters["dtype"].default) == ("auto", "float32")


def expect(
    words: list[str], code: int, message: str, capsys: pytest.CaptureFixture[str], beam: tuple[str, ...] = ()
) -> None:
    """The command ends with this code and one or two lines that say this."""
    assert run(words, beam) == code
    errors = capsys.readouterr().err
    assert message in errors
    assert "Traceback" not in errors


def test_wrong_usage_exits_2_and_makes_no_store(
    tmp_path: Path, corpus: str, capsys: pytest.CaptureFixture[str]
) -> None:
    store = tmp_path / "store"
    expect(encode_words(str(tmp_path / "none*.parquet"), store), 2, "a.parquet", capsys)
    expect(encode_words(corpus, store, "--text-column", "body"), 2, "columns there: doc_id, text", capsys)
    expect(encode_words(corpus, store, "--quantizer", "no-such-quantizer"), 2, "no-such-quantizer", capsys)
    expect(["inspect", "--store", str(store)], 2, "no such directory", capsys)
    (tmp_path / "fake.parquet").write_text("not a Parquet file")
    expect(encode_words(str(tmp_path / "fake.parquet"), store), 2, "fake.parquet", capsys)
    assert not store.exists()


def test_a_store_of_other_features_is_refused_side_by_side(
    tmp_path: Path, corpus: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run(encode_words(corpus, tmp_path / "store"))
    expect(encode_words(corpus, tmp_path / "store", "--quantizer", "float16"), 2, "sign  |  float16", capsys)


def test_too_many_dead_letters_exit_1_and_name_the_way_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = write_corpus(tmp_path / "bad.parquet", [*texts(20), *({"doc_id": f"e{i}", "text": " "} for i in range(11))])
    assert run(encode_words(bad, tmp_path / "store")) == 1
    output = capsys.readouterr().out
    assert "11 × validate: blank text" in output
    assert "--max-dead-letters" in output


def test_labels_that_cannot_train_a_head_are_named(
    tmp_path: Path, corpus: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run(encode_words(corpus, tmp_path / "store"))
    store, head = str(tmp_path / "store"), str(tmp_path / "head")

    def train(ids: list[str], labels: list[str]) -> list[str]:
        pq.write_table(pa.table({"doc_id": ids, "label": labels}), tmp_path / "l.parquet")
        return ["train", str(tmp_path / "l.parquet"), "--store", store, "--out", head]

    expect(train(["x1", "x2"], ["a", "b"]), 1, "none of its 2 labelled documents", capsys)
    expect(train(["d1", "d1", "d2"], ["a", "b", "a"]), 1, "more than one label", capsys)
    expect(train(["d1", "d2", "d3"], ["a", "a", "a"]), 1, "a head needs two classes", capsys)
    assert not Path(head).exists()
    ids = [f"d{i}" for i in range(30)]
    assert run([*train([*ids, "x1"], ["a", "b"] * 15 + ["a"]), "--epochs", "1"]) == 0
    assert "1 label without a stored document: x1" in capsys.readouterr().out


def test_beam_options_are_refused_where_no_job_runs(
    labels: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for words in (
        ["evaluate", str(tmp_path), labels],
        *([c, "--store", str(tmp_path)] for c in ("inspect", "documents")),
    ):
        expect(words, 2, "nothing may follow --", capsys, ("--runner=FnApiRunner",))


def test_an_unforeseen_error_is_one_line_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object) -> None:
        raise ValueError("odd\nand long")

    monkeypatch.setattr("encore.featurestore.Catalogue.open", broken)
    expect(["inspect", "--store", str(tmp_path)], 1, "a mistake of Encore's own: ValueError: odd;", capsys)


@pytest.mark.parametrize("at", [1, 3, 5])
def test_a_word_that_is_no_text_is_named_whatever_it_stands_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], at: int
) -> None:
    words = ["encode", str(tmp_path), "--store", str(tmp_path / "s"), "--id-column", "id"]
    words[at] += "caf\udce9"
    assert run(words) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "caf\\xe9: is not text in the encoding of this locale; rename it, or set LC_ALL=C.UTF-8" in said
    assert not (tmp_path / "s").exists()


def test_the_newest_snapshot_is_read_though_a_vacuum_removes_the_one_that_was(
    tmp_path: Path, corpus: str, labels: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    store = tmp_path / "store"
    assert run(encode_words(corpus, store, "--unit-rows", "20")) == 0
    real, calls = Catalogue.open, []

    def then_compacted(uri: str, snapshot: int | str | None = None) -> Catalogue:
        opened = real(uri, snapshot)
        calls.append(opened.version)
        if len(calls) == 1:
            delete(opened, [f"d{39 - opened.version}"])
            compact(real(uri))
            vacuum(opened.objects, age_limit=timedelta(0))
        return opened

    monkeypatch.setattr(Catalogue, "open", then_compacted)
    capsys.readouterr()
    for words in (["documents"], ["inspect", "--digest"], ["train", labels, "--out", str(tmp_path / "head")]):
        calls.clear()
        assert run([*words, "--store", str(store)]) == 0
        first, second = calls
        assert second > first
    assert "gone" not in capsys.readouterr().err


def test_a_panic_of_a_library_is_one_line_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("encore.featurestore.Catalogue.open", lambda *_: panic())
    expect(["inspect", "--store", str(tmp_path)], 1, "a mistake of Encore's own: PanicException: Onig", capsys)


def test_files_that_cannot_be_written_are_refused_before_the_work(
    tmp_path: Path, corpus: str, capsys: pytest.CaptureFixture[str]
) -> None:
    store, folder = tmp_path / "store", str(tmp_path)
    expect(encode_words(corpus, store, "--report", folder), 2, "--report", capsys)
    (tmp_path / "taken").touch()
    taken = f"{folder}/taken"
    expect(encode_words(corpus, store, "--dead-letters", taken), 2, "is a file, expected a directory", capsys)
    expect(["predict", corpus, "--head", "none", "--out", "answers.txt"], 2, ".parquet or .csv", capsys)
    assert not store.exists()


def test_predict_of_no_documents_answers_nothing(
    tmp_path: Path, corpus: str, labels: str, capsys: pytest.CaptureFixture[str]
) -> None:
    store, head = str(tmp_path / "store"), str(tmp_path / "head")
    run(encode_words(corpus, tmp_path / "store"))
    assert run(["train", labels, "--store", store, "--out", head, "--epochs", "1"]) == 0
    (tmp_path / "empty.csv").write_text("doc_id,text\n")
    capsys.readouterr()
    for more in ([], ["--probabilities"]):
        assert run(["predict", str(tmp_path / "empty.csv"), "--head", head, "--device", "cpu", "--json", *more]) == 0
        assert json.loads(capsys.readouterr().out) == {"predictions": [], "rejected": 0}


@pytest.mark.parametrize(("command", "said"), [("inspect", "interrupted\n"), ("encode", "interrupted; finished units")])
def test_ctrl_c_exits_130_and_says_what_is_kept(
    command: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("encore.featurestore.Catalogue.open", interrupted)
    monkeypatch.setattr("encore.pipelines.encoding.encode", interrupted)
    corpus = ["corpus.parquet"] if command == "encode" else []
    expect([command, *corpus, "--store", str(tmp_path)], 130, f"encore: {said}", capsys)


def test_predictions_that_no_run_has_finished_are_said_to_be_none(
    tmp_path: Path, corpus: str, labels: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run(encode_words(corpus, tmp_path / "store"))
    PredictionsFolder.create(str(tmp_path / "out"), Catalogue.open(str(tmp_path / "store")), probabilities=False)
    expect(["evaluate", str(tmp_path / "out"), labels], 2, "lists no predictions yet", capsys)


def test_a_store_and_predictions_do_not_share_a_folder(
    tmp_path: Path, corpus: str, labels: str, capsys: pytest.CaptureFixture[str]
) -> None:
    store, head, out = (str(tmp_path / name) for name in ("store", "head", "out"))
    run(encode_words(corpus, tmp_path / "store"))
    assert run(["train", labels, "--store", store, "--out", head, "--epochs", "1"]) == 0
    expect(["backfill", "--store", store, "--head", head, "--out", store], 2, "is a feature store", capsys)
    words = ["backfill", "--store", store, "--head", head, "--out", out]
    expect([*words, "--device", "cuda:99"], 2, "device cuda:99: this machine has", capsys)
    expect([*words, "--device", "cpu", "--dtype", "float16"], 2, "dtype float16 on the CPU", capsys)
    assert run(["backfill", "--store", store, "--head", head, "--out", out]) == 0
    expect(encode_words(corpus, tmp_path / "out"), 2, "holds predictions", capsys)


def test_no_folder_for_temporary_files_is_one_line(
    tmp_path: Path, corpus: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(encode_words(corpus, tmp_path / "store"))
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(tempfile, "_candidate_tempdir_list", lambda: [str(tmp_path / "nowhere")])
    capsys.readouterr()
    expect(["verify", "--store", str(tmp_path / "store")], 1, "set TMPDIR to one", capsys)
