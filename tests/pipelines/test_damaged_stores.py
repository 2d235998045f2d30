"""A job that builds on a damaged store ends in one line that names the object, before anything is done."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from encore.cli.main import run
from encore.featurestore import Catalogue, StoreError
from encore.featurestore.errors import RESTORE
from encore.featurestore.segments.records import record_path
from encore.pipelines.ingestion.derivation import DeriveRequest, derive
from tests.pipelines.jobs import ONE_WORKER, encoder, run_encode, texts, write_corpus
from tests.pipelines.predictions.building import Folder


def encode_more(root: Path) -> Callable[[], object]:
    run_encode(root / "store", write_corpus(root / "a.parquet", texts(20)))
    more = write_corpus(root / "b.parquet", texts(40))
    return lambda: run_encode(root / "store", more)


def derive_more(root: Path) -> Callable[[], object]:
    """The damaged store is the one that is written to."""
    request = DeriveRequest(str(root / "rich"), str(root / "store"), layers="last", quantizer="sign")
    run_encode(root / "rich", write_corpus(root / "a.parquet", texts(20)), layers="stack:2", quantizer="float16")
    derive(request, beam_options=ONE_WORKER)
    run_encode(root / "rich", write_corpus(root / "b.parquet", texts(40)), layers="stack:2", quantizer="float16")
    return lambda: derive(request, beam_options=ONE_WORKER)


def backfill_more(root: Path) -> Callable[[], object]:
    folder = Folder.build(root)
    return folder.backfill


def one_object(store: Catalogue, name: str) -> Path:
    (entry, *_) = store.entries
    below = record_path(entry.segment) if name == "record" else f"segments/{entry.segment}/{entry.attempt}/{name}"
    return Path(store.uri) / below


@pytest.mark.parametrize("prepare", [encode_more, derive_more, backfill_more])
def test_an_empty_record_is_named_before_the_work(
    tmp_path: Path, prepare: Callable[[Path], Callable[[], object]]
) -> None:
    job = prepare(tmp_path)
    store = Catalogue.open(str(tmp_path / "store"))
    torn = one_object(store, "record")
    torn.write_bytes(b"")
    with pytest.raises(StoreError, match=f"{torn.name}: damaged: it is empty; run encore repair"):
        job()
    assert Catalogue.open(store.uri).version == store.version


@pytest.mark.parametrize("prepare", [encode_more, derive_more])
def test_a_damaged_index_is_named_before_the_work(
    tmp_path: Path, prepare: Callable[[Path], Callable[[], object]]
) -> None:
    job = prepare(tmp_path)
    torn = one_object(Catalogue.open(str(tmp_path / "store")), "documents.parquet")
    torn.write_bytes(b"")
    with pytest.raises(StoreError, match=f"{torn}: damaged: its bytes are not those that its record says"):
        job()


def test_the_command_says_so_in_one_line(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    encode_more(tmp_path)
    torn = one_object(Catalogue.open(str(tmp_path / "store")), "documents.parquet")
    torn.write_bytes(b"")
    words = ["encode", str(tmp_path / "b.parquet"), "--store", str(tmp_path / "store"), "--encoder", encoder()]
    assert run([*words, "--device", "cpu"], ONE_WORKER) == 1
    said = [line for line in capfd.readouterr().err.splitlines() if "documents.parquet" in line or "Traceback" in line]
    assert said == [f"encore: {torn}: damaged: its bytes are not those that its record says; {RESTORE}"]
