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

    A name that a removal is taking away, or was when it was interrupted, is not used, so that it never takes what is
    written meanwhile; nor is that of a segment whose objects are gone, whose record may be somebody's who is about to
    list it, nor one that the snapshot lists. The name that is had instead follows from what is in the way, so that all
    who want these documents and see the same arrive at it. Two who see different things store the documents twice, as
    two do whose units begin elsewhere, and their commits settle which is listed.

    Args:
        store: the snapshot that a job works from.
        segment: the name that the documents ask for.
    """
    while True:
        removing = list(read_journals(store.objects).values())
        taken = [names[record_path(segment)] for names in removing if record_path(segment) in names]
        if segment in store.listed:
            segment = _instead_of(segment, store.listed[segment].record)
        elif taken:
            segment = _instead_of(segment, min(hashlib.sha256(data).hexdigest() for data in taken))
        else:
            record = read_record(store.objects, segment)
            if record is None or is_whole(store.objects, record, removing):
                return segment, record
            segment = _instead_of(segment, record.checksum)


def is_whole(objects: Objects, record: SegmentRecord, removing: Iterable[Names]) -> bool:
    """Whether a segment has every object that its record names, and no removal takes this record away.

    Args:
        objects: of the store.
        record: of the segment; one that was written since a removal took another under its name is not taken.
        removing: what removals at work take; they are over only when the objects are gone, so read this before.
    """
    path = record_path(record.segment)
    if any(hashlib.sha256(names[path]).hexdigest() == record.checksum for names in removing if path in names):
        return False
    folder = attempt_path(record.segment, record.attempt)
    there = dict(objects.walk(folder))
    return all(there.get(f"{folder}/{stored.path}") == stored.size for stored in record.objects)


def _instead_of(segment: str, why: str) -> str:
    return hashlib.sha256(f"{segment}{why}".encode()).hexdigest()[:32]
