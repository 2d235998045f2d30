"""`encore train` hands on what it was asked for."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from encore.cli.main import run
from encore.cli.printing.train import print_epoch
from encore.heads import POOLINGS
from encore.heads.training.epochs import Epoch
from tests.heads.toy_poolings import TOYS
from tests.pipelines.jobs import encoder, texts, write_corpus


@pytest.fixture
def corpus(tmp_path: Path) -> str:
    return write_corpus(tmp_path / "a.parquet", texts(40))


@pytest.fixture
def labels(tmp_path: Path) -> str:
    table = pa.table({"doc_id": [f"d{i}" for i in range(40)], "label": ["even", "odd"] * 20})
    pq.write_table(table, tmp_path / "labels.parquet")
    return str(tmp_path / "labels.parquet")


def test_a_head_of_several_queries_is_trained_backfilled_and_predicts_the_same(
    tmp_path: Path, corpus: str, labels: str, capsys: pytest.CaptureFixture[str]
) -> None:
    store, head, out, answers = (str(tmp_path / name) for name in ("store", "parity", "out", "answers.parquet"))
    assert run(["encode", corpus, "--store", store, "--encoder", encoder(), "--device", "cpu"]) == 0
    assert run(["train", labels, "--store", store, "--out", head, "--epochs", "1", "--queries", "3"]) == 0
    document = json.loads((tmp_path / "parity" / "head.json").read_text())
    assert document["design"]["queries"] == document["training"]["settings"]["queries"] == 3
    assert run(["backfill", "--store", store, "--head", head, "--out", out]) == 0
    assert run(["predict", corpus, "--head", head, "--device", "cpu", "--out", answers]) == 0
    found = []
    for predictions in (out, answers):
        capsys.readouterr()
        assert run(["evaluate", predictions, labels, "--json"]) == 0
        found.append(json.loads(capsys.readouterr().out))
    assert found[0]["documents"] == 40
    assert found[0]["confusion"] == found[1]["confusion"]


@pytest.mark.parametrize("pooling", ["max", "gate", "ends"])
def test_a_pooling_that_only_the_registry_knows_is_trained_backfilled_and_predicts_the_same(
    tmp_path: Path,
    corpus: str,
    labels: str,
    pooling: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(POOLINGS, pooling, TOYS[pooling])  # type: ignore[arg-type]
    store, head, out, answers = (str(tmp_path / name) for name in ("store", "parity", "out", "answers.parquet"))
    assert run(["encode", corpus, "--store", store, "--encoder", encoder(), "--device", "cpu"]) == 0
    capsys.readouterr()
    assert run(["train", labels, "--store", store, "--out", head, "--epochs", "1", "--pooling", pooling]) == 0
    assert f"pooling {TOYS[pooling].label}" in " ".join(capsys.readouterr().out.split())
    assert json.loads((tmp_path / "parity" / "head.json").read_text())["design"]["pooling"] == pooling
    assert run(["backfill", "--store", store, "--head", head, "--out", out]) == 0
    assert run(["predict", corpus, "--head", head, "--device", "cpu", "--out", answers]) == 0
    found = []
    for predictions in (out, answers):
        capsys.readouterr()
        assert run(["evaluate", predictions, labels, "--json"]) == 0
        found.append(json.loads(capsys.readouterr().out))
    assert found[0]["documents"] == 40
    assert found[0]["confusion"] == found[1]["confusion"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--queries", "0"], "queries 0: expected 1 to 64"),
        (["--queries", "2", "--pooling", "cls"], "pooling cls has none"),
    ],
)
def test_impossible_queries_are_wrong_usage_before_anything_is_read(
    tmp_path: Path, options: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    nowhere = str(tmp_path / "nowhere")
    assert run(["train", nowhere, "--store", nowhere, "--out", nowhere, *options]) == 2
    assert message in capsys.readouterr().err


def test_every_point_of_a_grid_is_printed_and_the_best_is_kept(
    tmp_path: Path, corpus: str, labels: str, capsys: pytest.CaptureFixture[str]
) -> None:
    store, head = (str(tmp_path / name) for name in ("store", "parity"))
    assert run(["encode", corpus, "--store", store, "--encoder", encoder(), "--device", "cpu"]) == 0
    grid = ["--seed", "4", "--seed", "2", "--pooling", "attention", "--pooling", "mean", "--patience", "1"]
    command = ["train", labels, "--store", store, "--out", head, "--epochs", "4", "--order-seed", "7", *grid]
    capsys.readouterr()
    assert run([*command, "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    training = json.loads((tmp_path / "parity" / "head.json").read_text())["training"]
    settings = training["settings"]
    assert (settings["seeds"], settings["order_seed"], settings["patience"]) == ([4, 2], 7, 1)
    points = [(point["pooling"], point["seed"]) for point in printed["points"]]
    assert points == [("attention", 4), ("attention", 2), ("mean", 4), ("mean", 2)]
    assert printed["best"] == max(printed["points"], key=lambda point: point["dev_accuracy"]) == training["best"]
    for pooling, seed in points:
        own = [e for e in training["history"] if (e["pooling"], e["seed"]) == (pooling, seed)]
        assert [epoch["number"] for epoch in own] == list(range(1, len(own) + 1))
        best = max(own, key=lambda epoch: epoch["dev_accuracy"])
        assert best in printed["points"]
        assert len(own) == min(4, best["number"] + 1)
    assert run(command) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert f"kept epoch {printed['best']['number']} of 4, {printed['best']['pooling']}, lr 0.0003" in text
    assert text.count(": dev accuracy") == 4


@pytest.mark.parametrize("rising", [False, True])
def test_a_head_that_was_still_learning_is_said(
    tmp_path: Path,
    corpus: str,
    labels: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    rising: bool,
) -> None:
    monkeypatch.setattr("encore.heads.training.trainer.still_rising", lambda *_: rising)
    store, head = (str(tmp_path / name) for name in ("store", "parity"))
    assert run(["encode", corpus, "--store", store, "--encoder", encoder(), "--device", "cpu"]) == 0
    command = ["train", labels, "--store", store, "--out", head, "--epochs", "3"]
    capsys.readouterr()
    assert run(command) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert ("dev accuracy was still rising: try more epochs, --epochs 6" in said) is rising
    assert run([*command, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["still_rising"] is rising


def test_what_each_class_was_trained_and_measured_on_is_printed(
    tmp_path: Path, corpus: str, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    store, head = (str(tmp_path / name) for name in ("store", "rare"))
    names = ["often"] * 36 + ["rare"] * 3 + ["once"]
    pq.write_table(pa.table({"doc_id": [f"d{i}" for i in range(40)], "label": names}), tmp_path / "l.parquet")
    assert run(["encode", corpus, "--store", store, "--encoder", encoder(), "--device", "cpu"]) == 0
    command = ["train", str(tmp_path / "l.parquet"), "--store", store, "--out", head, "--epochs", "1"]
    capsys.readouterr()
    assert run(command) == 0
    printed = capsys.readouterr()
    rows = [line.replace("│", " ").split() for line in printed.out.splitlines() if line.startswith("│")]
    assert {row[0]: row[1:3] for row in rows} == {"often": ["32", "4"], "rare": ["3", "0"], "once": ["1", "0"]}
    assert "dev mcc not defined" in " ".join(printed.out.split())
    assert "dev has no document of 2 classes: once (1), rare (3); a dev share of 0.17 sets some aside" in caplog.text
    assert run([*command, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["classes"] == ["often", "once", "rare"]
    recall = found["evaluation"]["accuracy"]
    assert found["by_class"] == {"trained_on": [32, 1, 3], "measured_on": [4, 0, 0], "recall": [recall, None, None]}


def test_integer_classes_have_their_own_order_and_heads_of_old_keep_theirs(tmp_path: Path, corpus: str) -> None:
    store, head = (str(tmp_path / name) for name in ("store", "number"))
    table = pa.table({"doc_id": [f"d{i}" for i in range(40)], "label": [i % 12 + 1 for i in range(40)]})
    pq.write_table(table, tmp_path / "l.parquet")
    assert run(["encode", corpus, "--store", store, "--encoder", encoder(), "--device", "cpu"]) == 0
    labels = str(tmp_path / "l.parquet")
    assert run(["train", labels, "--store", store, "--out", head, "--epochs", "1", "--dev-share", "0"]) == 0
    assert json.loads((tmp_path / "number" / "head.json").read_text())["classes"] == list(map(str, range(1, 13)))


def test_a_class_with_far_fewer_documents_than_others_is_called_rare(
    tmp_path: Path, corpus: str, capsys: pytest.CaptureFixture[str]
) -> None:
    store, head = (str(tmp_path / name) for name in ("store", "rare"))
    table = pa.table({"doc_id": [f"d{i}" for i in range(40)], "label": ["no"] * 39 + ["yes"]})
    pq.write_table(table, tmp_path / "l.parquet")
    assert run(["encode", corpus, "--store", store, "--encoder", encoder(), "--device", "cpu"]) == 0
    command = ["train", str(tmp_path / "l.parquet"), "--store", store, "--out", head, "--epochs", "1"]
    for options in ([], ["--dev-share", "0"]):
        capsys.readouterr()
        assert run([*command, *options]) == 0
        out = " ".join(capsys.readouterr().out.split())
        assert "rare yes (1): accuracy hardly shows it; look at recall and macro f1" in out
        assert "│ yes │ 1 │" in out


def epoch_of(number: int, epochs: int) -> Epoch:
    return Epoch("mean", 3e-4, 32, 0, number, epochs, loss=0.5, dev_accuracy=0.9, seconds=1.0)


@pytest.mark.parametrize(
    ("epochs", "said"),
    [(1, [1]), (8, list(range(1, 9))), (75, [1, 8, 15, 23, 30, 38, 45, 53, 60, 68, 75])],
)
def test_a_few_epochs_are_said_of_many(epochs: int, said: list[int], capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(1, epochs + 1):
        print_epoch(epoch_of(number, epochs))
    lines = capsys.readouterr().err.splitlines()
    assert [int(line.split("/")[0].removeprefix("epoch ")) for line in lines] == said


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--device", "cuda:99"), "device cuda:99: this machine has"),
        (("--device", "cpu", "--dtype", "bfloat16"), "dtype bfloat16 on the CPU: heads learn in float32 there"),
    ],
)
def test_heads_learn_on_no_other_device_than_was_asked_for(
    words: tuple[str, ...], message: str, tmp_path: Path, labels: str, capsys: pytest.CaptureFixture[str]
) -> None:
    head = tmp_path / "head"
    assert run(["train", labels, "--store", str(tmp_path / "store"), "--out", str(head), *words]) == 2
    assert message in capsys.readouterr().err
    assert not head.exists()
