"""Blocks of a scan: their index is read and verified with the segment, and decoded when somebody looks at it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from encore.featurestore import Catalogue
from encore.featurestore.errors import StoreError
from encore.featurestore.feature_reader import OWN_COLUMNS
from encore.featurestore.segments.reader import IndexFile
from encore.featurestore.segments.scan import ScannedBlock
from tests.featurestore.building import put, spec_of

TEXTS = {f"doc-{i}": f"text {i}" * (i + 1) for i in range(12)}


@pytest.fixture
def store(tmp_path: Path) -> Catalogue:
    return put(Catalogue.create(str(tmp_path), spec_of("sign")), TEXTS)


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the indexes that are decoded."""
    names: list[str] = []
    read = IndexFile.read

    def note(self: IndexFile, *arguments: object, **options: object) -> object:
        names.append(self.name)
        return read(self, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(IndexFile, "read", note)
    return names


def test_features_alone_need_no_index(store: Catalogue, decoded: list[str]) -> None:
    blocks = list(store.scan(max_bytes=20))
    assert sum(len(block) for block in blocks) == len(TEXTS)
    assert sum(block.packed.nbytes for block in blocks) == store.entries[0].payload_bytes
    assert [len(block.lengths) for block in blocks] == [len(block) for block in blocks]
    assert decoded == []


def test_the_index_is_decoded_once_for_all_blocks_of_a_segment(store: Catalogue, decoded: list[str]) -> None:
    blocks = list(store.scan(max_bytes=20))
    assert len(blocks) > 2
    assert [doc_id for block in blocks for doc_id in block.index["doc_id"].to_pylist()] == list(TEXTS)
    assert [block.index.num_rows for block in blocks] == [len(block) for block in blocks]
    assert len(decoded) == 1


def test_ids_alone_are_decoded_alone(store: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
    columns: list[object] = []
    read = IndexFile.read
    monkeypatch.setattr(IndexFile, "read", lambda self, *given: columns.append(given[0]) or read(self, *given))
    blocks = list(store.scan(max_bytes=20))
    assert [doc_id for block in blocks for doc_id in block.doc_ids.to_pylist()] == list(TEXTS)
    assert columns == [["doc_id"]]
    assert [block.index["doc_id"] for block in blocks] == [block.doc_ids for block in blocks]
    assert columns == [["doc_id"], OWN_COLUMNS]


def test_a_block_can_be_sliced_taken_from_and_changed(store: Catalogue) -> None:
    (block,) = store.scan()
    assert isinstance(block, ScannedBlock)
    assert block.slice(2, 4).doc_ids.to_pylist() == ["doc-2", "doc-3"]
    assert block.take(np.array([5, 1])).doc_ids.to_pylist() == ["doc-5", "doc-1"]
    less = replace(block, index=block.index.select(["doc_id"]))
    assert less.index.column_names == ["doc_id"]
    assert less.doc_ids == block.doc_ids
    with pytest.raises(ValueError, match="offsets must rise"):
        replace(block, offsets=block.offsets[::-1])


def test_a_damaged_index_is_found_before_any_feature_is_given(store: Catalogue) -> None:
    (path,) = (path for path, _ in store.objects.walk("segments") if path.endswith("documents.parquet"))
    data = bytearray(store.objects.get(path))
    data[len(data) // 2] ^= 1
    store.objects.put(path, bytes(data))
    with pytest.raises(StoreError, match=r"documents\.parquet: damaged: its bytes are not those"):
        next(store.scan())


def test_an_index_of_another_length_is_found_when_it_is_decoded(store: Catalogue) -> None:
    segment = store.features.open_segment(store.entries[0])
    reader = segment.reader
    shorter = replace(segment, reader=replace(reader, entry=replace(reader.entry, documents=11)))
    with pytest.raises(StoreError, match=r"documents\.parquet: damaged: 12 rows, expected 11"):
        _ = shorter.index
    with pytest.raises(StoreError, match=r"documents\.parquet: damaged: 12 rows, expected 11"):
        _ = shorter.doc_ids


def test_blocks_that_are_kept_keep_their_features(store: Catalogue) -> None:
    blocks = list(store.scan(max_bytes=20))
    copies = [np.array(block.packed) for block in store.scan(max_bytes=20)]
    assert len(blocks) == len(copies)
    assert all(np.array_equal(block.packed, copy) for block, copy in zip(blocks, copies, strict=True))
