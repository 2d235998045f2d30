"""Removing segments that nothing lists, however young, so that no commit at the same time lists one that is gone.

Vacuum relies on age here. Forgetting cannot wait, and puts a snapshot of its own between removing the completion
records and removing the objects: a commit that had seen a record before runs into that snapshot, looks again
(`featurestore.presence`) and finds it gone; one that was faster is seen, and its record comes back.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from featurestore.commit import ATTEMPTS
from featurestore.entries import entry_table
from featurestore.errors import CommitConflict
from featurestore.maintenance.needs import Needs
from featurestore.maintenance.removal import THREADS, SegmentFolder
from featurestore.objects import Objects
from featurestore.records import record_path
from featurestore.store import version_log

JOURNAL = "forgetting.json"
"""What is being removed: an interrupted removal is told from an attempt that is being written, and can be undone."""


def interrupted_removal(objects: Objects) -> frozenset[str]:
    """Segments that an interrupted forgetting was about to remove."""
    return frozenset(_journal(objects))


def undo_what_was_listed(objects: Objects) -> None:
    """Where a forgetting was interrupted after a commit had been faster, the records of what is listed come back."""
    records = _journal(objects)
    if records:
        needs = Needs()
        needs.add_published_since(objects)
        _restore(objects, records, needs)


def _journal(objects: Objects) -> dict[str, str | None]:
    """Segment → its completion record, or None for one that has none."""
    try:
        return dict(json.loads(objects.get(JOURNAL)))
    except (FileNotFoundError, ValueError):
        return {}


def _restore(objects: Objects, records: Mapping[str, str | None], needs: Needs) -> None:
    for segment in needs.segments & records.keys():
        if (record := records[segment]) is not None:
            objects.create(record_path(segment), record.encode(errors="surrogateescape"))


def forget_segments(objects: Objects, doomed: Mapping[str, SegmentFolder], needs: Needs) -> dict[str, SegmentFolder]:
    """Remove what no snapshot lists, and say what went.

    Args:
        objects: of the store.
        doomed: segment → what may go of it.
        needs: what the kept snapshots need; what is published meanwhile is added.

    Raises:
        CommitConflict: other writers were first too many times in a row; nothing listed is lost.
    """
    whole = {segment: folder for segment, folder in doomed.items() if segment not in needs.segments}
    if whole:
        _fence_off(objects, whole, needs)
    gone = {
        segment: folder for segment, folder in doomed.items() if segment not in whole or segment not in needs.segments
    }
    paths = [
        stored.path
        for segment, folder in gone.items()
        for attempt, found in folder.attempts.items()
        if (segment, attempt) not in needs.attempts
        for stored in found
    ]
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(lambda path: objects.delete([path]), paths))
    objects.delete([JOURNAL])
    return gone


def _fence_off(objects: Objects, whole: Mapping[str, SegmentFolder], needs: Needs) -> None:
    """From here on nobody can list these segments, but for those that are listed by now."""
    with ThreadPoolExecutor(THREADS) as pool:
        found = zip(whole, pool.map(lambda segment: _record(objects, segment), whole), strict=True)
        # What an interrupted removal took may be listed at this very moment, and is kept as well.
        taken = _journal(objects)
        records = {segment: taken.get(segment) if record is None else record for segment, record in found}
        objects.put(JOURNAL, json.dumps(records).encode())
        list(pool.map(lambda segment: objects.delete([record_path(segment)]), whole))
    _publish_nothing(objects)
    needs.add_published_since(objects)
    _restore(objects, records, needs)


def _record(objects: Objects, segment: str) -> str | None:
    try:
        return objects.get(record_path(segment)).decode(errors="surrogateescape")
    except FileNotFoundError:
        return None


def _publish_nothing(objects: Objects) -> None:
    """A snapshot that changes nothing."""
    log = version_log(objects)
    for _ in range(ATTEMPTS):
        head = log.latest()
        if log.publish(head, "forget", head.counts, entry_table([])) is not None:
            return
    raise CommitConflict(f"{objects.uri}: other writers were first {ATTEMPTS} times in a row; run the command again")
