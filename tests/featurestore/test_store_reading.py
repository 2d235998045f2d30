"""A reader of the newest snapshot gets the newest, even if a vacuum removes the one that was the newest before."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from encore.featurestore import Catalogue, StoreError
from encore.featurestore.errors import SnapshotGone
from encore.featurestore.removal.vacuum import vacuum
from encore.featurestore.rewriting.compaction import compact
from encore.featurestore.store_reading import read_store
from tests.featurestore.building import expected, held, put, spec_of

READERS: dict[str, Callable[[Catalogue], object]] = {
    "scan": held,
    "gather": lambda store: store.gather(["a", "b"]).doc_ids.to_pylist(),
    "documents": lambda store: sorted(store.documents(["doc_id"])["doc_id"].to_pylist()),
    "digest": lambda store: store.digest(),
    "keys": lambda store: len(store.keys),
    "contains": lambda store: store.contains(["a", "c"]).tolist(),
}


@pytest.fixture
def store(tmp_path: Path) -> Catalogue:
    return put(put(Catalogue.create(str(tmp_path / "store"), spec_of()), {"a": "1"}), {"b": "2"})


def compact_and_vacuum(store: Catalogue) -> None:
    compact(Catalogue.open(store.uri))
    vacuum(store.objects, age_limit=timedelta(0))


def meanwhile(read: Callable[[Catalogue], object], times: int) -> Callable[[Catalogue], object]:
    """``read``, with a commit, a compaction and a vacuum between opening and reading, so often."""
    left = [f"new{n}" for n in range(times)]

    def then(opened: Catalogue) -> object:
        if left:
            put(Catalogue.open(opened.uri), {left.pop(): "n"})
            compact_and_vacuum(opened)
        return read(opened)

    return then


@pytest.mark.parametrize("reader", READERS)
def test_a_reader_of_the_newest_snapshot_that_a_vacuum_removes_reads_the_next(store: Catalogue, reader: str) -> None:
    read = READERS[reader]
    found = read_store(store.uri, None, meanwhile(read, 1))
    assert found == read(Catalogue.open(store.uri))
    assert held(Catalogue.open(store.uri)) == expected({"a": "1", "b": "2", "new0": "n"}, store.spec)


def test_it_looks_again_once(store: Catalogue) -> None:
    with pytest.raises(SnapshotGone, match="gone with its snapshot"):
        read_store(store.uri, None, meanwhile(held, 2))


@pytest.mark.parametrize("snapshot", [2, "mine"])
def test_a_snapshot_that_was_named_is_not_replaced_by_another(
    store: Catalogue, snapshot: int | str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("encore.featurestore.history.snapshot_choice.snapshot_number", lambda objects, named: 2)
    with pytest.raises(SnapshotGone, match="gone with its snapshot"):
        read_store(store.uri, snapshot, meanwhile(held, 1))


def test_what_is_lost_from_the_newest_snapshot_is_not_looked_for_twice(store: Catalogue) -> None:
    calls = []

    def read(opened: Catalogue) -> None:
        calls.append(opened)
        opened.objects.delete(path for path, _ in list(opened.objects.walk("segments")))
        opened.digest()

    with pytest.raises(StoreError, match="missing; run encore repair"):
        read_store(store.uri, None, read)
    assert len(calls) == 1
