"""Segments that are finished: the completion record is there, with every object that it names."""

from __future__ import annotations

import hashlib

from encore.featurestore.errors import StoreError
from encore.featurestore.format import START, is_of_another_format
from encore.featurestore.segments import FORMAT_VERSION, SegmentRecord, StoredObject, attempt_path, record_path
from encore.featurestore.storage import Objects
from encore.featurestore.store import Store


def find_finished(store: Store, segment: str) -> tuple[str, SegmentRecord | None]:
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


def is_there(objects: Objects, record: SegmentRecord) -> bool:
    """Whether a segment has every object that its record names, as far as their sizes tell."""
    folder = attempt_path(record.segment, record.attempt)
    there = dict(objects.walk(folder))
    return all(there.get(f"{folder}/{stored.path}") == stored.size for stored in record.objects)


def is_whole(objects: Objects, record: SegmentRecord) -> bool:
    """Whether every object that a segment's record names is there, and holds what was written."""
    folder = attempt_path(record.segment, record.attempt)

    def is_sound(stored: StoredObject) -> bool:
        try:
            return objects.sha256(f"{folder}/{stored.path}", stored.size) == stored.sha256
        except FileNotFoundError:
            return False

    return is_there(objects, record) and all(map(is_sound, record.objects))


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
