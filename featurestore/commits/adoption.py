"""Segments that are finished: the completion record is there, with every object that it names."""

from __future__ import annotations

import hashlib

from encore.featurestore.commits.presence import is_whole
from encore.featurestore.errors import StoreError
from encore.featurestore.format import FORMAT_VERSION, START, is_of_another_format
from encore.featurestore.segments import SegmentRecord, record_path
from encore.featurestore.storage import Objects
from encore.featurestore.store import Store


def find_adoptable(store: Store, segment: str) -> tuple[str, SegmentRecord | None]:
    """The name under which a segment is to be stored, and its record where an earlier attempt has finished it.

    What an earlier attempt left is not trusted: every byte of it is compared with its checksum. A name is used up where
    a removal has retired it, where its record or an object of it is damaged or gone, and where the snapshot lists it.
    The name that is had instead follows from it, so that all who want these documents and see the same arrive at it.
    Two who see different things store the documents twice, as two do whose units begin elsewhere, and their commits
    settle which is listed.

    Args:
        store: the snapshot that a job works from.
        segment: the name that the documents ask for.

    Raises:
        StoreError: a record is of a newer format.
    """
    while True:
        if segment not in store.listed:
            try:
                record = _parsed(store.objects, segment)
            except FileNotFoundError:
                return segment, None
            if record is not None and is_whole(store.objects, record):
                return segment, record
        segment = hashlib.sha256(f"{segment} is taken".encode()).hexdigest()[:32]


def _parsed(objects: Objects, segment: str) -> SegmentRecord | None:
    """A segment's record; None where it is retired, or damaged, as one that lost its bytes with the power."""
    path = record_path(segment)
    data = objects.get(path)
    try:
        record = SegmentRecord.from_bytes(data, objects.name(path))
    except StoreError:
        # A tombstone is of another format, too; a damaged digit does not make one.
        if is_of_another_format(data, FORMAT_VERSION) and not data.startswith(START):
            raise
        return None
    return record if record.segment == segment else None
