"""A list that names anything but prediction files of its rows' heads and segments is refused before it is used."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from encore.featurestore import Catalogue, StoreError
from encore.featurestore.segments.entries import SegmentEntry
from encore.featurestore.storage import Objects
from encore.pipelines.predictions import PredictionFile, PredictionsFolder, new_path
from encore.pipelines.predictions.files import FILE_SCHEMA, file_table, list_problem
from encore.pipelines.removal.forget import forget
from tests.pipelines.predictions.building import Folder

HEAD, SEGMENT, VECTOR, WORD = "topic@0123456789ab", "a" * 32, "b" * 32, "0" * 16
ENTRY = SegmentEntry(SEGMENT, "1", "2", 5, 5, 5, 5, 5)


def row(path: str, **other: Any) -> PredictionFile:
    return dataclasses.replace(PredictionFile(HEAD, SEGMENT, None, path, 5, 5, 1, "f"), **other)


def is_right(file: PredictionFile) -> bool:
    return list_problem(file_table([file])) is None


def test_no_name_is_used_twice() -> None:
    assert len({new_path(HEAD, ENTRY) for _ in range(1000)}) == 1000


def test_names_say_head_segment_and_vector() -> None:
    assert is_right(row(new_path(HEAD, ENTRY)))
    assert is_right(row(new_path(HEAD, ENTRY.without(VECTOR, 2)), deletions=VECTOR))


def test_what_is_written_is_there_as_its_row_says(tmp_path: Path) -> None:
    folder = PredictionsFolder(Objects.open(str(tmp_path)), probabilities=False)
    labels, scores = pa.array(["a"] * 5).dictionary_encode(), pa.array([0.5] * 5, pa.float32())
    table = pa.table({"doc_id": list("vwxyz"), "label": labels, "score": scores})
    file = folder.write(HEAD, ENTRY, table, snapshot=3, fingerprint="f")
    assert is_right(file)
    assert file == row(file.path, bytes=(tmp_path / file.path).stat().st_size, snapshot=3)
    assert folder.read_file(file)["doc_id"].to_pylist() == list("vwxyz")


FOREIGN: dict[str, PredictionFile] = {
    "another file": row("notes/thesis.parquet"),
    "out of the folder": row(f"head={HEAD}/../../{SEGMENT}-all-{WORD}.parquet"),
    "an absolute path": row(f"/head={HEAD}/{SEGMENT}-all-{WORD}.parquet"),
    "a folder below": row(f"head={HEAD}/deep/{SEGMENT}-all-{WORD}.parquet"),
    "a folder above": row(f"link/head={HEAD}/{SEGMENT}-all-{WORD}.parquet"),
    "the head's weights": row(f"heads/{HEAD}/weights.safetensors"),
    "a manifest": row("manifests/00000000000000000001.json"),
    "another head": row(f"head=tone@0123456789ab/{SEGMENT}-all-{WORD}.parquet"),
    "another segment": row(f"head={HEAD}/{'c' * 32}-all-{WORD}.parquet"),
    "another vector": row(f"head={HEAD}/{SEGMENT}-{VECTOR}-{WORD}.parquet"),
    "a vector too many": row(f"head={HEAD}/{SEGMENT}-all-{WORD}.parquet", deletions=VECTOR),
    "no segment": row(f"head={HEAD}/x-all-{WORD}.parquet", segment="x"),
    "no vector": row(f"head={HEAD}/{SEGMENT}-x-{WORD}.parquet", deletions="x"),
    "no digest": row(f"head=topic/{SEGMENT}-all-{WORD}.parquet", head="topic"),
    "dots for a head": row(f"head=../{SEGMENT}-all-{WORD}.parquet", head=".."),
    "a word that is none": row(f"head={HEAD}/{SEGMENT}-all-zz.parquet"),
    "no word": row(f"head={HEAD}/{SEGMENT}-all.parquet"),
    "a line break": row(f"head={HEAD}/{SEGMENT}-all-{WORD}.parquet\n"),
    "nothing": row(""),
    "less than none": row(f"head={HEAD}/{SEGMENT}-all-{WORD}.parquet", documents=-1),
    "less than no bytes": row(f"head={HEAD}/{SEGMENT}-all-{WORD}.parquet", bytes=-1),
}


@pytest.mark.parametrize("foreign", FOREIGN.values(), ids=FOREIGN.keys())
def test_other_names_are_wrong(foreign: PredictionFile) -> None:
    assert not is_right(foreign)
    assert list_problem(file_table([row(new_path(HEAD, ENTRY)), foreign])) is not None


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    folder = Folder.build(tmp_path)
    folder.backfill()
    return folder


def add(folder: Folder, table: pa.Table) -> str:
    """A version with these rows as well; the full name of its list."""
    predictions = folder.predictions
    # As its writer, who need not be Encore, would have it.
    manifest = predictions.log.publish(predictions.log.latest(), "backfill", {}, table)
    assert manifest is not None
    return predictions.objects.name(f"lists/{manifest.lists[-1].digest}.parquet")


USES: dict[str, Callable[[Folder], object]] = {
    "read": lambda folder: folder.predictions.read("tone"),
    "backfill": lambda folder: folder.backfill(),
    "check": lambda folder: folder.backfill(check=True),
    "forget": lambda folder: forget(folder.store, [folder.predictions]),
}


@pytest.mark.parametrize("use", USES.values(), ids=USES.keys())
def test_a_path_to_another_file_is_refused_before_anything_is_read_or_removed(
    folder: Folder, tmp_path: Path, use: Callable[[Folder], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    documents = tmp_path / "out" / "notes"
    documents.mkdir()
    (documents / "thesis.parquet").write_bytes(b"years of work")
    name = add(folder, file_table([row("notes/thesis.parquet")]))
    before = folder.there()
    monkeypatch.setattr(PredictionsFolder, "find_file", None)
    with pytest.raises(
        StoreError, match=rf"{name}: damaged: names 'notes/thesis\.parquet', which is no prediction file"
    ):
        use(folder)
    assert (documents / "thesis.parquet").read_bytes() == b"years of work"
    assert folder.there() == before
    assert Catalogue.open(folder.store.uri).digest()


def test_a_list_of_something_else_is_refused(folder: Folder) -> None:
    log = folder.predictions.log
    odd = dataclasses.replace(log, schema=pa.schema([FILE_SCHEMA.field("head"), FILE_SCHEMA.field("segment")]))
    manifest = odd.publish(
        dataclasses.replace(log.latest(), lists=()), "backfill", {}, pa.table({"head": ["x"], "segment": ["y"]})
    )
    assert manifest is not None
    with pytest.raises(StoreError, match=r"lists/[0-9a-f]{64}\.parquet: damaged: has the wrong columns"):
        folder.backfill()
