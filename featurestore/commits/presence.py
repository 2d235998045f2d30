"""A commit lists only what is there: vacuum may have met a segment before the job that is about to list it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from encore.featurestore.commits.adoption import is_there
from encore.featurestore.errors import CommitConflict
from encore.featurestore.segments import SegmentEntry, SegmentRecord, record_path
from encore.featurestore.storage import REQUESTS_AT_ONCE, Objects


def require_present(objects: Objects, entries: Sequence[SegmentEntry]) -> None:
    """See that segments which are about to be listed are still there: the record, and every object of it.

    Raises:
        CommitConflict: a segment is gone; the job's next run makes it again.
    """
    if not entries:
        return
    with ThreadPoolExecutor(REQUESTS_AT_ONCE) as pool:
        there = pool.map(lambda entry: _is_there(objects, entry), entries)
        gone = [entry.segment for entry, whole in zip(entries, there, strict=True) if not whole]
    if gone:
        raise CommitConflict(
            f"{objects.uri}: segments that were to be listed are gone: {len(gone)}, for example {gone[0]}; "
            "run the command again, and see that the age limit of encore vacuum exceeds any job"
        )


def _is_there(objects: Objects, entry: SegmentEntry) -> bool:
    """Whether the record is the one that is to be listed, not a removal's tombstone, and its objects are there."""
    path = record_path(entry.segment)
    try:
        data = objects.get(path)
    except FileNotFoundError:
        return False
    if hashlib.sha256(data).hexdigest() != entry.record:
        return False
    return is_there(objects, SegmentRecord.parse(data, objects.name(path)))
