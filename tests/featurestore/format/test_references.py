"""An object that a snapshot names is missing: it is being removed, gone with the snapshot, or lost."""

from __future__ import annotations

from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from encore.featurestore import Catalogue, StoreError
from encore.featurestore.format.references import read_reference
from encore.featurestore.format.tombstones import EMPTIED, retire
from encore.featurestore.history.versions import list_path
from encore.featurestore.removal.vacuum import vacuum
from encore.featurestore.rewriting.compaction import compact
from encore.featurestore.segments.deletion_vectors import vector_path
from encore.featurestore.segments.records import record_path
from encore.featurestore.storage import Objects
from encore.featurestore.verification.store import verify
from tests.featurestore.building import expected, held, put, spec_of

TEXTS = {f"doc-{i}": f"text {i}" for i in range(6)}


@pytest.fixture(params=["local", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Catalogue:
    root = str(tmp_path) if request.param == "local" else str(request.getfixturevalue("s3_bucket"))
    store = put(Catalogue.create(f"{root}/store", spec_of()), {**TEXTS, "gone": "gone"})
    return put(store, {}, prune=frozenset({"gone"}))


def names(store: Catalogue) -> list[str]:
    """What the newest snapshot names: one of each kind."""
    (entry,) = store.entries
    assert entry.deletions is not None
    return [record_path(entry.segment), vector_path(entry.deletions), list_path(store.manifest.lists[-1].digest)]


def test_a_record_that_an_interrupted_removal_took_is_read_through_its_tombstone(store: Catalogue) -> None:
    path = names(store)[0]
    data = store.objects.get(path)
    retire(store.objects, path)
    assert read_reference(store.objects, path, None, sha256(data).hexdigest()) == data
    assert held(Catalogue.open(store.uri)) == expected(TEXTS, store.spec)
    assert verify(Objects.open(store.uri), deep=True).findings == ()
    vacuum(store.objects, age_limit=timedelta(0))
    assert held(Catalogue.open(store.uri)) == expected(TEXTS, store.spec)
    store.objects.replace(path, EMPTIED)
    with pytest.raises(StoreError, match=f"{path}: missing; run encore repair, or restore it from a copy of the store"):
        held(Catalogue.open(store.uri))
    assert [finding.object for finding in verify(Objects.open(store.uri)).findings] == [store.objects.name(path)]


def test_a_tombstone_that_holds_another_record_than_was_listed_is_not_read_through(store: Catalogue) -> None:
    path = names(store)[0]
    listed = store.objects.get(path)
    store.objects.put(path, listed.replace(b'"tokens"', b'"Tokens"'))
    retire(store.objects, path)
    with pytest.raises(StoreError, match=f"{path}: missing"):
        read_reference(store.objects, path, None, sha256(listed).hexdigest())


@pytest.mark.parametrize("kind", range(3))
def test_what_is_lost_is_to_be_restored(store: Catalogue, kind: int) -> None:
    path = names(store)[kind]
    store.objects.delete([path])
    with pytest.raises(StoreError, match=f"{path}: missing; run encore repair, or restore it from a copy of the store"):
        held(Catalogue.open(store.uri))


@pytest.mark.parametrize("what", ["index", "features", "list"])
def test_a_reader_of_a_snapshot_that_was_vacuumed_meanwhile_is_told_so(store: Catalogue, what: str) -> None:
    opened = Catalogue.open(store.uri)
    reader = opened.reader(opened.entries[0])
    assert len(reader.offsets()) == 8
    if what == "features":
        reader.packed(0, 1)
    after = put(Catalogue.open(store.uri), {"doc-0": "changed"})
    compact(after)
    vacuum(after.objects, age_limit=timedelta(0))
    reads: dict[str, Any] = {
        "index": reader.index,
        "features": lambda: reader.packed_rows(reader.offsets()[:2]),
        "list": lambda: held(Catalogue(opened.objects, opened.spec, opened.manifest)),
    }
    with pytest.raises(StoreError, match=r"gone with its snapshot: .*\nopen the store anew"):
        reads[what]()
