"""Encode leaves out what is on the block list, counts it, and does not name it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from encore.cli.main import run
from encore.featurestore import Catalogue
from encore.featurestore.history.block_list import block
from encore.featurestore.rewriting.deletion import delete
from encore.pipelines.corpus import CorpusColumns, UnitRead, WorkUnit
from encore.pipelines.encoding import read_stage
from encore.pipelines.ingestion.derivation import DeriveRequest, derive
from tests.pipelines.jobs import ONE_WORKER, documents, encoder, run_encode, texts, write_corpus

BLOCKED = ["d3", "d17", "d24", "elsewhere"]


def stored(store: Path) -> set[str]:
    return set(Catalogue.open(str(store)).documents()["doc_id"].to_pylist())


def ids(count: int) -> set[str]:
    return {f"d{number}" for number in range(count)}


def test_a_blocked_document_does_not_come_back(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "a.parquet", texts(20))
    run_encode(tmp_path / "store", corpus, unit_rows=8)
    delete(Catalogue.open(str(tmp_path / "store")), BLOCKED, block=True)

    again = run_encode(tmp_path / "store", corpus, unit_rows=8)
    assert (again.exit_code, again.document["committed"]) == (0, False)
    counts = {
        "in": 20,
        "encoded": 0,
        "adopted": 0,
        "refreshed": 0,
        "skipped": 18,
        "blocked": 2,
        "dead": 0,
        "superseded": 0,
    }
    assert documents(again) == counts

    # d24 has never been stored, and d17 has another text now.
    rows = [*texts(17), {"doc_id": "d17", "text": "changed"}, *texts(12, start=18)]
    more = run_encode(tmp_path / "store", write_corpus(tmp_path / "a.parquet", rows), unit_rows=8)
    assert documents(more) == counts | {"in": 30, "encoded": 9, "skipped": 18, "blocked": 3}
    assert stored(tmp_path / "store") == ids(30) - set(BLOCKED)


def test_a_deleted_document_that_is_not_blocked_comes_back(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "a.parquet", texts(20))
    run_encode(tmp_path / "store", corpus)
    delete(Catalogue.open(str(tmp_path / "store")), ["d3"])
    assert documents(run_encode(tmp_path / "store", corpus))["encoded"] == 1
    assert stored(tmp_path / "store") == ids(20)


def test_a_blocked_document_that_would_be_a_dead_letter_is_not_named(tmp_path: Path) -> None:
    run_encode(tmp_path / "store", write_corpus(tmp_path / "a.parquet", texts(3)))
    block(Catalogue.open(str(tmp_path / "store")).objects, ["secret-1", "secret-2"])
    rows = [*texts(3), {"doc_id": "secret-1", "text": " "}, {"doc_id": "secret-2", "text": "\u200b"}]
    rows += [{"doc_id": "empty", "text": ""}, {"doc_id": None, "text": "no id"}]
    report = run_encode(tmp_path / "store", write_corpus(tmp_path / "a.parquet", rows))
    assert (documents(report)["blocked"], documents(report)["dead"]) == (2, 2)
    assert report.document["dead_letters"]["reasons"] == {"validate: empty text": 1, "validate: missing id": 1}
    for path in (tmp_path / "store" / "runs").rglob("*"):
        assert path.is_dir() or b"secret" not in path.read_bytes()


def test_a_document_that_is_blocked_while_encode_runs_is_not_committed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_encode(tmp_path / "store", write_corpus(tmp_path / "a.parquet", texts(10)))
    read_units = read_stage.read_units

    def blocked_meanwhile(units: Sequence[WorkUnit], columns: CorpusColumns) -> Iterator[UnitRead]:
        for found in read_units(units, columns):
            delete(Catalogue.open(str(tmp_path / "store")), BLOCKED, block=True)
            yield found

    monkeypatch.setattr(read_stage, "read_units", blocked_meanwhile)
    run_encode(tmp_path / "store", write_corpus(tmp_path / "a.parquet", texts(30)))
    assert stored(tmp_path / "store") == ids(30) - set(BLOCKED)


def test_a_damaged_block_list_stops_encode_before_the_work(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    corpus, store = write_corpus(tmp_path / "a.parquet", texts(5)), str(tmp_path / "store")
    run_encode(store, corpus)
    delete(Catalogue.open(store), ["d3"], block=True)
    (tmp_path / "store" / "blocked" / "salt").write_bytes(b"x" * 32)
    assert run(["encode", corpus, "--store", store, "--encoder", encoder(), "--device", "cpu"], ONE_WORKER) == 1
    errors = capsys.readouterr().err.strip().splitlines()
    assert "blocked/salt: damaged: the block lists were made with another salt; run encore repair" in errors[-1]
    assert "Traceback" not in "".join(errors)
    assert stored(tmp_path / "store") == ids(5) - {"d3"}


def test_a_derived_store_takes_what_its_source_still_holds(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "a.parquet", texts(20))
    run_encode(tmp_path / "rich", corpus, layers="stack:2", quantizer="float16")
    delete(Catalogue.open(str(tmp_path / "rich")), ["d3"], block=True)
    derived = str(tmp_path / "poor")
    request = DeriveRequest(str(tmp_path / "rich"), derived, layers="last", quantizer="sign")
    assert documents(derive(request, beam_options=ONE_WORKER))["encoded"] == 19
    delete(Catalogue.open(derived), ["d4"], block=True)
    again = documents(derive(request, beam_options=ONE_WORKER))
    assert (again["blocked"], again["skipped"], again["encoded"]) == (1, 18, 0)
    assert stored(tmp_path / "poor") == ids(20) - {"d3", "d4"}


def test_the_terminal_says_how_many_are_blocked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    corpus, store = write_corpus(tmp_path / "a.parquet", texts(20)), str(tmp_path / "store")
    run_encode(store, corpus)
    words = ["encode", corpus, "--store", store, "--encoder", encoder(), "--device", "cpu"]
    assert run(words, ONE_WORKER) == 0
    assert "blocked" not in capsys.readouterr().out
    delete(Catalogue.open(store), ["d3", "d4"], block=True)
    assert run(words, ONE_WORKER) == 0
    assert "blocked       2 on the store's block list" in capsys.readouterr().out
