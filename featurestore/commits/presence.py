"""A commit lists only what is there: vacuum may have met a segment before the job that is about to list it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from encore.featurestore.errors import CommitConflict
from encore.featurestore.segments import SegmentEntry, SegmentRecord, StoredObject, attempt_path, record_path
from encore.featurestore.storage import REQUESTS_AT_ONCE, Objects


def require_present(objects: Objects, entries: Sequence[SegmentEntry]) -> None:
    """See that segments which are about to be listed are still there: the record, and every object of it.

    Raises:
        CommitConflict: a segment is gone; the job's next run makes it again.
    """
    if not entries:
        return
    with ThreadPoolExecutor(REQUESTS_AT_ONCE) as pool:
        there = pool.map(lambda entry: _is_listed_record(objects, entry), entries)
        gone = [entry.segment for entry, whole in zip(entries, there, strict=True) if not whole]
    if gone:
        raise CommitConflict(
            f"{objects.uri}: segments that were to be listed are gone: {len(gone)}, for example {gone[0]}; "
            "run the command again, and see that the age limit of encore vacuum exceeds any job"
        )


def _is_listed_record(objects: Objects, entry: SegmentEntry) -> bool:
    """Whether the record is the one that is to be listed, not a removal's tombstone, and its objects are there."""
    path = record_path(entry.segment)
    try:
        data = objects.get(path)
    except FileNotFoundError:
        return False
    if hashlib.sha256(data).hexdigest() != entry.record:
        return False
    return is_there(objects, SegmentRecord.parse(data, objects.name(path)))


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
