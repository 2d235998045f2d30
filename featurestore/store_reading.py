"""Reading a store while vacuums remove snapshots."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from encore.featurestore.catalogue import Catalogue
from encore.featurestore.errors import SnapshotGone

T = TypeVar("T")


def read_store(uri: str, snapshot: int | str | None, read: Callable[[Catalogue], T]) -> T:
    """Run ``read`` on a snapshot, by default the newest; once more if a vacuum removes the newest meanwhile.

    Args:
        uri: of the store.
        snapshot: number or tag; a snapshot that is named is never replaced by another.
        read: reads the store from the start; it may be called twice.

    Raises:
        UsageError, StoreError: as `Catalogue.open`, and what ``read`` raises; `SnapshotGone` where a named snapshot was
            removed, or a second one.
    """
    try:
        return read(Catalogue.open(uri, snapshot))
    except SnapshotGone:
        if snapshot is not None:
            raise
    return read(Catalogue.open(uri))
