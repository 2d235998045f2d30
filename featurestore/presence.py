"""A commit lists only what is there: vacuum may have met a segment before the job that is about to list it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from featurestore.entries import SegmentEntry
from featurestore.errors import CommitConflict
from featurestore.finished import is_whole
from featurestore.objects import Objects
from featurestore.records import SegmentRecord, record_path
from featurestore.removals import read_journals

THREADS = 16


def require_present(objects: Objects, entries: Sequence[SegmentEntry]) -> None:
    """See that segments which are about to be listed are still there: the record, and every object of it.

    Raises:
        CommitConflict: a segment is gone; the job's next run makes it again.
    """
    if not entries:
        return
    with ThreadPoolExecutor(THREADS) as pool:
        records = list(pool.map(lambda entry: _record(objects, entry), entries))
        # Before the looks at the objects: a removal's journal goes when they are gone.
        removing = list(read_journals(objects).values())
        whole = pool.map(lambda record: record is not None and is_whole(objects, record, removing), records)
        gone = [entry.segment for entry, there in zip(entries, whole, strict=True) if not there]
    if gone:
        raise CommitConflict(
            f"{objects.uri}: segments that were to be listed are gone: {len(gone)}, for example {gone[0]}; "
            "run the command again, and see that the age limit of encore vacuum exceeds any job"
        )


def _record(objects: Objects, entry: SegmentEntry) -> SegmentRecord | None:
    """The record that is to be listed; None where it is gone.

    A record of other bytes is that of a job which wrote the segment anew after a vacuum.
    """
    path = record_path(entry.segment)
    try:
        data = objects.get(path)
    except FileNotFoundError:
        return None
    return SegmentRecord.parse(data, objects.name(path)) if hashlib.sha256(data).hexdigest() == entry.record else None
