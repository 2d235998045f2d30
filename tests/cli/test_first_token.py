"""Encoders whose first vector sums nothing up: every command refuses ``cls`` in the same words."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from encore.cli.main import run
from encore.featurestore import Catalogue
from encore.heads import Head
from tests.experiments.tiny_tasks import write_registry
from tests.first_tokens import FIRST_TOKENS, reason, without_summary
from tests.pipelines.jobs import texts, write_corpus

FAST = ("--steps", "2", "--samples", "2", "--device", "cpu")
EXPERIMENTS = {
    "frozen": ("--epochs", "1"),
    "loo": ("--epochs", "1", "--steps", "2", "--quantizers", "sign", "--only", "tone"),
    "group-out": ("--epochs", "1", "--steps", "2", "--groups", "PP"),
    "all-tasks": ("--steps", "2"),
    "finetune": ("--epochs", "1", "--starts", "plain"),
}
ONE_OF_EACH = ("t5", "llama")
"""One encoder whose first token is a token of the text, and one whose first vector is constant."""

REPRESENTATIVES = [
    ("frozen", "gpt2"),
    ("loo", "llama"),
    ("group-out", "xlnet"),
    ("all-tasks", "t5"),
    ("finetune", "llama"),
]
"""Every experiment, and every encoder."""

RUNS = dict.fromkeys(
    [*(("frozen", kind) for kind in FIRST_TOKENS), *((name, kind) for name in EXPERIMENTS for kind in ONE_OF_EACH)]
)
JOINT = tuple(name for name in EXPERIMENTS if name != "frozen")


@pytest.fixture(params=FIRST_TOKENS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_corpus(tmp_path_factory.mktemp("corpus") / "a.parquet", texts(40))


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory, corpus: str) -> Callable[[str], str]:
    @cache
    def of(kind: str) -> str:
        uri = str(tmp_path_factory.mktemp("store") / "rich")
        words = ["encode", corpus, "--store", uri, "--encoder", without_summary(kind), "--device", "cpu"]
        assert run([*words, "--layers", "stack:2", "--quantizer", "float16"]) == 0
        return uri

    return of


@pytest.fixture
def store(stores: Callable[[str], str], kind: str) -> str:
    """A rich store of the encoder: what commands without the encoder start from. They only read it."""
    return stores(kind)


@pytest.fixture(scope="module")
def trainings(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    @cache
    def of(kind: str) -> Path:
        folder = tmp_path_factory.mktemp("tasks")
        words = ["multitask", str(write_registry(folder)), "--out", str(folder / "joint")]
        assert run([*words, "--encoder", without_summary(kind), *FAST]) == 0
        return folder

    return of


@pytest.fixture
def trained(trainings: Callable[[str], Path], kind: str) -> Path:
    """A folder with tasks, and with what ``multitask`` has made of the encoder, ``joint``. Tests only read it."""
    return trainings(kind)


@pytest.fixture
def labels(tmp_path: Path) -> str:
    table = pa.table({"doc_id": [f"d{i}" for i in range(40)], "label": ["even", "odd"] * 20})
    pq.write_table(table, tmp_path / "labels.parquet")
    return str(tmp_path / "labels.parquet")


def assert_refused(words: list[str], message: str, made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert run(words) == 2
    assert message in " ".join(capsys.readouterr().err.split())
    assert not made.exists()


def test_encode_refuses_and_keeps_the_mean(
    tmp_path: Path, corpus: str, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    made = tmp_path / "made"
    words = ["encode", corpus, "--store", str(made), "--encoder", without_summary(kind), "--device", "cpu"]
    assert_refused([*words, "--positions", "cls"], f"positions cls: {reason(kind)}; take mean", made, capsys)
    assert run([*words, "--positions", "mean"]) == 0
    assert Catalogue.open(str(made)).spec.encoder.first_token == FIRST_TOKENS[kind]


def test_derive_refuses(tmp_path: Path, store: str, kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    made = tmp_path / "made"
    words = ["derive", "--from", store, "--store", str(made), "--layers", "last"]
    assert_refused([*words, "--positions", "cls"], f"positions cls: {reason(kind)}; take mean", made, capsys)
    assert run([*words, "--positions", "mean"]) == 0


def test_train_refuses(tmp_path: Path, store: str, labels: str, kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    made = tmp_path / "made"
    words = ["train", labels, "--store", store, "--out", str(made), "--epochs", "1"]
    assert_refused([*words, "--pooling", "cls"], f"pooling cls: {reason(kind)}; take mean", made, capsys)
    assert_refused(
        [*words, "--pooling", "mean", "--pooling", "cls"], f"pooling cls: {reason(kind)}; take mean", made, capsys
    )
    assert run([*words, "--pooling", "mean"]) == 0


def tradeoff(store: str, labels: str, out: Path) -> list[str]:
    words = ["tradeoff", "--store", store, "--labels", f"parity={labels}", "--out", str(out), "--layers", "last"]
    return [*words, "--quantizer", "float16", "--seeds", "1", "--epochs", "1", "--workers", "1"]


def test_tradeoff_refuses_by_name(
    tmp_path: Path, store: str, labels: str, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    made = tmp_path / "made"
    words = [*tradeoff(store, labels, made), "--positions", "cls", "--positions", "mean"]
    assert_refused(words, f"positions cls: {reason(kind)}; take mean", made / "cells", capsys)


@pytest.mark.parametrize("kind", ONE_OF_EACH, indirect=True)
def test_tradeoff_leaves_out_what_nobody_asked_for_and_says_so_everywhere(
    tmp_path: Path, store: str, labels: str, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    made, message = tmp_path / "made", f"positions cls: {reason(kind)}; take mean"
    capsys.readouterr()
    assert run(tradeoff(store, labels, made)) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert message in printed
    assert "--positions cls" not in printed
    assert message in (made / "tradeoff.html").read_text()
    table = pq.read_table(made / "settings.parquet")
    assert set(table["positions"].to_pylist()) == {"tokens", "mean"}
    assert json.loads(table.schema.metadata[b"encore"])["left_out"] == message


def test_multitask_takes_the_mean_and_its_heads_say_so(
    tmp_path: Path, trained: Path, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["multitask", str(trained / "tasks.toml"), "--out", str(tmp_path / "new")]
    words += ["--encoder", without_summary(kind), *FAST, "--pooling", "cls"]
    assert_refused(words, f"pooling cls: {reason(kind)}; take mean", tmp_path / "new", capsys)
    made = trained / "joint"
    assert json.loads((made / "provenance.json").read_text())["settings"]["position"] == "mean"
    design = json.loads((made / "heads" / "tone" / "head.json").read_text())["design"]
    assert design["pooling"] == "mean"
    head = Head.load(made / "heads" / "tone")
    assert (head.spec.positions, head.spec.encoder.first_token) == ("mean", FIRST_TOKENS[kind])


def test_predict_and_backfill_answer_alike_with_heads_that_read_the_mean(
    tmp_path: Path, trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made, dev = trained / "joint", str(trained / "tone-dev.parquet")
    head, at, out, answers = str(made / "heads" / "tone"), str(tmp_path / "s"), str(tmp_path / "o"), tmp_path / "p"
    words = ["encode", dev, "--store", at, "--encoder", str(made), "--device", "cpu", "--max-length", "64"]
    assert run([*words, "--layers", "last", "--positions", "mean", "--quantizer", "float16"]) == 0
    assert run(["backfill", "--store", at, "--head", head, "--out", out]) == 0
    assert run(["predict", dev, "--head", head, "--device", "cpu", "--out", f"{answers}.parquet"]) == 0
    capsys.readouterr()
    confusions = []
    for predictions in (out, f"{answers}.parquet"):
        assert run(["evaluate", predictions, dev, "--head", "tone", "--json"]) == 0
        confusions.append(json.loads(capsys.readouterr().out)["confusion"])
    expected = json.loads((made / "heads" / "tone" / "head.json").read_text())["evaluation"]["confusion"]
    assert confusions == [expected, expected]


@pytest.mark.parametrize(
    ("experiment", "kind"),
    [*REPRESENTATIVES, *(pytest.param(*pair, marks=pytest.mark.soak) for pair in RUNS if pair not in REPRESENTATIVES)],
    indirect=["kind"],
)
def test_experiments_run_without_cls(
    tmp_path: Path, kind: str, experiment: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["experiment", experiment, str(write_registry(tmp_path)), "--out", str(tmp_path / "out")]
    words += ["--encoder", without_summary(kind), "--seeds", "1", "--device", "cpu", *EXPERIMENTS[experiment]]
    assert run([*words, "--json"]) == 0
    captured = capsys.readouterr()
    rows = json.loads(captured.out)
    assert rows
    assert not any("cls" in name for name in rows)
    if experiment in ("frozen", "loo"):
        assert f"LAST-LAYER / CLS is left out: {reason(kind)}" in captured.err
        assert "last/mean" in rows


@pytest.mark.parametrize("experiment", JOINT)
def test_experiments_that_train_refuse_cls_before_any_training(
    tmp_path: Path, kind: str, experiment: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    words = ["experiment", experiment, str(write_registry(tmp_path)), "--out", str(out), "--pooling", "cls"]
    words += ["--encoder", without_summary(kind), "--device", "cpu", *EXPERIMENTS[experiment]]
    assert_refused(words, f"pooling cls: {reason(kind)}; take mean", out, capsys)
