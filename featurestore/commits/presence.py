"""A commit lists only segments that are in storage: a vacuum may have removed one before its job could list it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from encore.featurestore.errors import CommitConflict
from encore.featurestore.segments import SegmentEntry, SegmentRecord, StoredObject, attempt_path, record_path
from encore.featurestore.storage import REQUESTS_AT_ONCE, Objects


def require_present(objects: Objects, entries: Sequence[SegmentEntry]) -> None:
    """Check that segments are still in storage before they are listed: the record, and every object that it names.

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
            f"{objects.uri}: segments of this commit are gone: {len(gone)}, for example {gone[0]}; "
            "run the command again, and give encore vacuum an age limit above the time of the longest job"
        )


def _is_listed_record(objects: Objects, entry: SegmentEntry) -> bool:
    """Whether the stored record is the one to list and not a tombstone, and its objects are there."""
    path = record_path(entry.segment)
    try:
        data = objects.get(path)
    except FileNotFoundError:
        return False
    if hashlib.sha256(data).hexdigest() != entry.record:
        return False
    return is_there(objects, SegmentRecord.parse(data, objects.name(path)))


def is_there(objects: Objects, record: SegmentRecord) -> bool:
    """Whether storage has every object that a segment's record names, in the recorded size."""
    folder = attempt_path(record.segment, record.attempt)
    there = dict(objects.walk(folder))
    return all(there.get(f"{folder}/{stored.path}") == stored.size for stored in record.objects)


def is_whole(objects: Objects, record: SegmentRecord) -> bool:
    """Whether storage has every object that a segment's record names, with the recorded checksum."""
    folder = attempt_path(record.segment, record.attempt)

    def is_sound(stored: StoredObject) -> bool:
        try:
            return objects.sha256(f"{folder}/{stored.path}", stored.size) == stored.sha256
        except FileNotFoundError:
            return False

    return is_there(objects, record) and all(map(is_sound, record.objects))
