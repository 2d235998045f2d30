"""``encore predict`` and the heads that strangers made."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import huggingface_hub
import pyarrow.csv as pcsv
import pyarrow.parquet as pq
import pytest
from huggingface_hub.errors import LocalEntryNotFoundError

from cli.main import run
from featurestore import Store
from tests.pipelines.jobs import run_encode, texts, write_corpus
from tests.pipelines.test_backfill_job import train


@pytest.mark.parametrize(("words", "code"), [((), 2), (("--allow-download",), 0)])
def test_an_encoder_that_a_head_names_is_fetched_where_the_command_line_says_so(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: tuple[str, ...],
    code: int,
) -> None:
    corpus = write_corpus(tmp_path / "a.parquet", texts(40))
    run_encode(tmp_path / "store", corpus)
    head = train(Store.open(str(tmp_path / "store")), tmp_path, "far")
    there = head.spec.encoder.source
    replace(head, spec=replace(head.spec, encoder=replace(head.spec.encoder, source="hf:someone/theirs"))).save(
        tmp_path / "far"
    )

    def snapshot_download(_: str, *, local_files_only: bool, **__: object) -> str:
        if local_files_only:
            raise LocalEntryNotFoundError("not here")
        return there

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot_download)
    capsys.readouterr()
    assert run(["predict", corpus, "--head", str(tmp_path / "far"), "--device", "cpu", *words]) == code
    said = capsys.readouterr().err
    refusal = (
        "encore: encoder hf:someone/theirs: not on this machine, and only a file names it; --allow-download fetches it"
        " from the hub, or give the encoder's directory with --encoder\n"
    )
    assert said == (refusal if code else "")


def test_every_probability_is_shown_beside_the_name_of_its_class(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    corpus = write_corpus(tmp_path / "a.parquet", texts(40))
    run_encode(tmp_path / "store", corpus)
    for task in ("one", "two"):
        train(Store.open(str(tmp_path / "store")), tmp_path, task)
    few = write_corpus(tmp_path / "few.parquet", texts(2))
    words = ["predict", few, "--head", str(tmp_path / "one"), "--head", str(tmp_path / "two"), "--probabilities"]

    def outcome(*more: str) -> str:
        capsys.readouterr()
        assert run([*words, "--device", "cpu", *more]) == 0
        return capsys.readouterr().out

    rows = json.loads(outcome("--json"))["predictions"]
    assert [len(rows), *{tuple(row["probabilities"]) for row in rows}] == [4, ("even", "odd")]
    assert all(row["probabilities"][row["label"]] == row["score"] for row in rows)
    for name in ("out.parquet", "out.csv"):
        outcome("--out", str(tmp_path / name))
    stored = pq.read_table(tmp_path / "out.parquet").to_pylist(maps_as_pydicts="strict")
    assert stored == rows
    cells = [json.loads(cell) for cell in pcsv.read_csv(tmp_path / "out.csv")["probabilities"].to_pylist()]
    assert [list(cell) for cell in cells] == [["even", "odd"]] * 4
    assert cells[0] == pytest.approx(rows[0]["probabilities"])
    likeliest = max(rows[0]["probabilities"].items(), key=lambda it: it[1])
    assert f"{likeliest[0]} {likeliest[1]:.4f}, " in outcome()
