"""Features in a mapped file are those in memory, and train the same head."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch

from encore.featurestore import Catalogue, DataError, StoreError
from encore.heads import TrainSettings
from encore.heads.training.features import gather
from encore.heads.training.store import TrainRequest, train_from_store
from tests.featurestore.building import put, spec_of
from tests.heads.building import labels_of

CLASSES = {f"d{number}": "xy"[number % 2] for number in range(60)}


@pytest.fixture
def store(tmp_path: Path) -> Catalogue:
    """Sixty documents, in two commits."""
    empty = Catalogue.create(str(tmp_path / "store"), spec_of())
    first = put(empty, {doc_id: f"text of {doc_id}" for doc_id in list(CLASSES)[:25]})
    return put(first, {doc_id: f"text of {doc_id}" for doc_id in CLASSES})


@pytest.mark.parametrize("memory", [1, 50, 200, 1 << 20])
def test_the_block_is_that_of_the_store_whatever_the_memory(store: Catalogue, memory: int) -> None:
    ids = pa.array([*reversed(CLASSES), "d3"])
    expected, found = store.gather(ids), gather(store, ids, memory)
    np.testing.assert_array_equal(found.packed, expected.packed)
    np.testing.assert_array_equal(found.offsets, expected.offsets)
    assert found.index.equals(expected.index)
    mapped = found.packed
    while isinstance(mapped.base, np.ndarray):
        mapped = mapped.base
    assert isinstance(mapped, np.memmap) == (memory < expected.packed.nbytes)


def test_a_mapped_file_leaves_nothing_behind(store: Catalogue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    block = gather(store, pa.array(list(CLASSES)), 1)
    assert len(block) == len(CLASSES)
    assert not list(folder.iterdir())


def test_a_mapped_training_set_gives_the_same_head(store: Catalogue) -> None:
    settings = TrainSettings(epochs=2, batch_sizes=(8,), seeds=(0, 1))
    request = TrainRequest("topic", labels_of(CLASSES), settings=settings)
    found = [train_from_store(store, replace(request, memory=memory)).head for memory in (1 << 20, 100)]
    in_memory, mapped = (head.model.state_dict() for head in found)
    assert all(torch.equal(value, mapped[name]) for name, value in in_memory.items())
    assert found[0].digest == found[1].digest


def test_documents_that_are_not_stored_are_named(store: Catalogue) -> None:
    with pytest.raises(DataError, match="1 of 1 documents are not stored, for example gone"):
        gather(store, pa.array(["d1", "gone"]), 1)


def test_no_place_for_the_file_is_an_error_that_says_what_to_do(
    store: Catalogue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    with pytest.raises(StoreError, match="No such file or directory: no place for the features of 60 documents"):
        gather(store, pa.array(list(CLASSES)), 1)
