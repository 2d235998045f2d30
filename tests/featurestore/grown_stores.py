"""What the tests of vacuums share: a store with a history, its age, and what its snapshots need."""

from __future__ import annotations

import os
import time
from datetime import timedelta
from pathlib import Path

from encore.featurestore import Catalogue
from encore.featurestore.format.tombstones import is_emptied
from encore.featurestore.rewriting.compaction import compact
from encore.featurestore.segments.records import record_path
from tests.featurestore.building import put

NOW = timedelta(0)
"""An age limit that spares nothing."""


def grown(store: Catalogue) -> Catalogue:
    """Seven snapshots: additions, a changed text, a deletion, a compaction, and a text that changes back."""
    store = put(store, {"a": "1", "b": "2", "c": "3"})
    store = put(store, {"d": "4", "a": "changed"})
    store = put(store, {}, prune=frozenset({"b"}))
    compact(store)
    store = put(Catalogue.open(store.uri), {"a": "1", "e": "5"})
    store = put(store, {}, prune=frozenset({"c"}))
    store = put(store, {"f": "6"})
    assert store.version == 7
    return store


def paths(store: Catalogue) -> set[str]:
    """Objects of a store, without emptied tombstones."""
    return {path for path, size in store.objects.walk() if not is_emptied(path, size)}


def age(store: Catalogue, hours: float, *prefixes: str) -> None:
    """Make the objects below some folders, or all objects, this many hours old."""
    then = time.time() - hours * 3600
    for path in paths(store):
        if path.startswith(prefixes or ("",)):
            os.utime(Path(store.uri) / path, (then, then))


def digests(store: Catalogue, *versions: int) -> dict[int, str]:
    return {version: Catalogue.open(store.uri, version).digest() for version in versions}


def needed(store: Catalogue, *versions: int) -> set[str]:
    """Every object that is read when these snapshots are, found by reading them; and what is always there."""
    seen: set[str] = {path for path in paths(store) if path.startswith(("runs/", "tags/", "blocked/", "store.json"))}
    for version in versions:
        opened = Catalogue.open(store.uri, version)
        seen.add(f"manifests/{version:020d}.json")
        seen.update(f"lists/{part.digest}.parquet" for part in opened.manifest.lists)
        for entry in opened.entries:
            record = opened.reader(entry).record
            seen.add(record_path(entry.segment))
            seen.update(f"segments/{entry.segment}/{entry.attempt}/{stored.path}" for stored in record.objects)
            seen.update({f"deletions/{entry.deletions}"} if entry.deletions else set())
    return seen
