"""A commit lists only what is there: vacuum may have met a segment before the job that is about to list it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

from featurestore.entries import SegmentEntry
from featurestore.errors import CommitConflict
from featurestore.objects import Objects
from featurestore.records import SegmentRecord, attempt_path, record_path
from featurestore.removals import Names, read_journals

CLAIM_AGE = timedelta(hours=1)
"""A completion record older than this is written anew before it is listed."""
THREADS = 16


def require_present(objects: Objects, entries: Iterable[SegmentEntry]) -> None:
    """See that segments which are about to be listed are still there: the record, and every object of it.

    A segment that an interrupted run left long ago is old enough to be vacuumed. Its record is written anew, with the
    same bytes, so that from here on it is as young as one that was finished just now. Of a segment whose objects are
    gone the record is removed, so that the job's next run makes it again.

    Raises:
        CommitConflict: a segment is gone.
    """
    entries = list(entries)
    with ThreadPoolExecutor(THREADS) as pool:
        gone = [segment for segment in pool.map(lambda entry: _claim(objects, entry), entries) if segment is not None]
    # After the records were written anew: a vacuum either sees that they are there again, or is seen here.
    taken = list(read_journals(objects).values()) if entries else []
    gone += [entry.segment for entry in entries if any(_holds(names, entry) for names in taken)]
    if gone:
        raise CommitConflict(
            f"{objects.uri}: segments that were to be listed are gone: {len(gone)}, for example {gone[0]}; "
            "run the command again, or encore vacuum first if one was interrupted; its age limit must exceed any job"
        )


def _holds(names: Names, entry: SegmentEntry) -> bool:
    """Whether a removal is taking this very record away; one that was written since is another's."""
    data = names.get(record_path(entry.segment))
    return data is not None and hashlib.sha256(data).hexdigest() == entry.record


def _claim(objects: Objects, entry: SegmentEntry) -> str | None:
    """The segment where it is gone; None where it is there.

    A record of other bytes is that of a job which wrote the segment anew after a vacuum, and stays for that job.
    """
    path = record_path(entry.segment)
    written = objects.written_at(path)
    if written is None:
        return entry.segment
    try:
        data = objects.get(path)
        if hashlib.sha256(data).hexdigest() != entry.record:
            return entry.segment
        if datetime.now(UTC) - written > CLAIM_AGE:
            objects.put(path, data)
    except FileNotFoundError:
        return entry.segment
    folder = attempt_path(entry.segment, entry.attempt)
    there = dict(objects.walk(folder))
    recorded = SegmentRecord.parse(data, objects.name(path)).objects
    if any(there.get(f"{folder}/{stored.path}") != stored.size for stored in recorded):
        objects.delete([path])
        return entry.segment
    return None
