"""Adoption: take over a finished segment, whose completion record and all objects are in storage."""

from __future__ import annotations

import hashlib

from encore.featurestore.catalogue import Catalogue
from encore.featurestore.commits.presence import is_whole
from encore.featurestore.errors import StoreError
from encore.featurestore.format import FORMAT_VERSION, START, is_of_another_format
from encore.featurestore.segments import SegmentRecord, record_path
from encore.featurestore.storage import Objects


def find_adoptable(store: Catalogue, segment: str) -> tuple[str, SegmentRecord | None]:
    """The name under which a segment is to be stored, and its record where an earlier attempt has finished it.

    What an earlier attempt left is not trusted: every byte of it is compared with its checksum. A name cannot be used
    if a removal has retired it, if its record or one of its objects is damaged or missing, or if the snapshot lists it.
    The next name to try is a hash of the last one, so that all jobs that want these documents and see the same store
    arrive at the same name. Two jobs that see different states store the documents twice; so do two jobs whose work
    units begin at different documents. Their commits settle which segment is listed.

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
    """A segment's record; None if it is retired or damaged, for example by a power cut."""
    path = record_path(segment)
    data = objects.get(path)
    try:
        record = SegmentRecord.from_bytes(data, objects.name(path))
    except StoreError:
        # A tombstone, too, claims another format version: it is no error here. Nor is a record whose version is only
        # damaged.
        if is_of_another_format(data, FORMAT_VERSION) and not data.startswith(START):
            raise
        return None
    return record if record.segment == segment else None
