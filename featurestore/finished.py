"""Segments that are finished: the completion record is there, with every object that it names."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from featurestore.objects import Objects
from featurestore.records import SegmentRecord, attempt_path, record_path
from featurestore.removals import Names, read_journals
from featurestore.segments import read_record
from featurestore.store import Store


def find_finished(store: Store, segment: str) -> tuple[str, SegmentRecord | None]:
    """The name under which a segment is to be stored, and its record where an earlier attempt has finished it.

    A finished segment that a removal is taking away, or was when it was interrupted, is of no use; nor is its name,
    since a record under it may be somebody's who is about to list it. A name that the snapshot lists is taken as well.
    The name that is had instead follows from what is there, so that all who want these documents arrive at it.

    Args:
        store: the snapshot that a job works from.
        segment: the name that the documents ask for.
    """
    while True:
        if segment in store.listed:
            segment = _instead_of(segment, store.listed[segment].record)
            continue
        record = read_record(store.objects, segment)
        if record is None or is_whole(store.objects, record, read_journals(store.objects).values()):
            return segment, record
        segment = _instead_of(segment, record.checksum)


def is_whole(objects: Objects, record: SegmentRecord, removing: Iterable[Names]) -> bool:
    """Whether a segment has every object that its record names, and none of the removals takes this record away.

    Args:
        objects: of the store.
        record: of the segment.
        removing: what removals at work take; they are over only when the objects are gone, so read this before.
    """
    if is_taken(record.segment, record.checksum, removing):
        return False
    folder = attempt_path(record.segment, record.attempt)
    there = dict(objects.walk(folder))
    return all(there.get(f"{folder}/{stored.path}") == stored.size for stored in record.objects)


def is_taken(segment: str, checksum: str, removing: Iterable[Names]) -> bool:
    """Whether a removal takes away the record of these bytes; one that was written since is another's."""
    path = record_path(segment)
    return any(path in names and hashlib.sha256(names[path]).hexdigest() == checksum for names in removing)


def _instead_of(segment: str, why: str) -> str:
    return hashlib.sha256(f"{segment}{why}".encode()).hexdigest()[:32]
