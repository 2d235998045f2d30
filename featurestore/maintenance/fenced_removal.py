"""Removing what nothing lists, so that no commit at the same time lists what is gone.

What a commit may claim by its name (completion records, segment lists, deletion vectors) is written down in a journal
and removed. Then comes the fence, a snapshot that changes nothing: a commit that had seen the names before runs into
it, looks again (`featurestore.presence`) and writes its lists anew. One that was faster is seen, and what it names
comes back. Only then do the objects of segments go. A stop anywhere can be undone.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import PurePosixPath

from featurestore.commit import ATTEMPTS
from featurestore.deletions import vector_path
from featurestore.entries import entry_table, snapshot_counts
from featurestore.errors import CommitConflict
from featurestore.maintenance.needs import Needs
from featurestore.maintenance.removal import THREADS, SegmentFolder
from featurestore.objects import Listed, Objects
from featurestore.records import record_path
from featurestore.store import version_log
from featurestore.versions import list_path

JOURNAL = "removing.json"
"""Path → content (base64) of the names that are being removed."""
BATCH = 10_000
"""Names of one fence: the journal holds their objects, which are small."""

Names = Mapping[str, str | None]
"""Path → content, or None for a record that there was not: an attempt that never finished."""


@dataclass(frozen=True)
class Doomed:
    """What no kept snapshot needs.

    Attributes:
        segments: segment → what may go of it.
        lists: digest → segment list.
        vectors: digest → deletion vector.
    """

    segments: Mapping[str, SegmentFolder] = field(default_factory=dict)
    lists: Mapping[str, Listed] = field(default_factory=dict)
    vectors: Mapping[str, Listed] = field(default_factory=dict)

    def without(self, needs: Needs, claimed: frozenset[str] = frozenset()) -> Doomed:
        """The rest, where snapshots need some of it after all, and somebody has ``claimed`` names by their paths."""
        segments = {
            segment: _lost(segment, folder, needs) if segment in needs.segments else folder
            for segment, folder in self.segments.items()
            if segment in needs.segments or record_path(segment) not in claimed
        }
        return Doomed(
            {segment: folder for segment, folder in segments.items() if folder.objects},
            {d: it for d, it in self.lists.items() if d not in needs.lists and it.path not in claimed},
            {d: it for d, it in self.vectors.items() if d not in needs.vectors and it.path not in claimed},
        )

    def names(self, needs: Needs) -> list[str]:
        """Paths of what a commit may claim."""
        records = [record_path(segment) for segment in self.segments if segment not in needs.segments]
        return [*records, *(it.path for it in (*self.lists.values(), *self.vectors.values()))]


def remove_fenced(
    objects: Objects, doomed: Doomed, needs: Needs, operation: str, *, since: datetime | None = None
) -> Doomed:
    """Remove what no snapshot needs, and say what went.

    Args:
        objects: of the store.
        doomed: what may go, as it was listed.
        needs: what the kept snapshots need; what is published meanwhile is added.
        operation: name of the fence in the history.
        since: names that were written at this time or later stay: a job has just claimed them. Without it all go.

    Raises:
        CommitConflict: other writers were first too many times in a row; nothing that is listed is lost.
    """
    needs.add_published_since(objects)
    doomed = doomed.without(needs)
    names, claimed = doomed.names(needs), frozenset[str]()
    for start in range(0, len(names), BATCH):
        claimed |= _fence_off(objects, names[start : start + BATCH], needs, operation, since)
    gone = doomed.without(needs, claimed)
    paths = [it.path for folder in gone.segments.values() for them in folder.attempts.values() for it in them]
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(lambda path: objects.delete([path]), paths))
    objects.delete([JOURNAL])
    return gone


def interrupted_removal(objects: Objects) -> frozenset[str]:
    """Segments that an interrupted removal was about to remove."""
    return frozenset(PurePosixPath(path).stem for path in _journal(objects) if path.startswith("segments/"))


def undo_interrupted_removal(objects: Objects) -> None:
    """Where a removal was interrupted after a commit had been faster, the names that are needed come back."""
    taken = _journal(objects)
    if taken:
        log = version_log(objects)
        _restore(objects, taken, {list_path(part.digest) for manifest in log.history() for part in manifest.lists})
        needs = Needs()
        needs.add_published_since(objects)
        _restore(objects, taken, _paths(needs))


def _fence_off(
    objects: Objects, names: list[str], needs: Needs, operation: str, since: datetime | None
) -> frozenset[str]:
    """From here on nobody can list these names, but for those that are listed by now; returns those that stay."""
    with ThreadPoolExecutor(THREADS) as pool:
        found = dict(zip(names, pool.map(lambda path: _read(objects, path), names), strict=True))
        claimed = frozenset(path for path in pool.map(lambda path: _claimed(objects, path, since), names) if path)
        # What an interrupted removal took may be listed at this very moment, and is kept as well.
        before = _journal(objects)
        taken = {
            **before,
            **{
                path: before.get(path) if content is None else content
                for path, content in found.items()
                if path not in claimed
            },
        }
        objects.put(JOURNAL, json.dumps(taken).encode())
        list(pool.map(lambda path: _take(objects, path), (path for path in names if path not in claimed)))
    _publish_nothing(objects, operation)
    needs.add_published_since(objects)
    _restore(objects, taken, _paths(needs))
    return claimed


def _read(objects: Objects, path: str) -> str | None:
    try:
        return base64.b64encode(objects.get(path)).decode()
    except FileNotFoundError:
        return None


def _claimed(objects: Objects, path: str, since: datetime | None) -> str | None:
    """The path, where somebody has written the name anew."""
    if since is None:
        return None
    written = objects.written_at(path)
    return path if written is not None and written >= since else None


def _take(objects: Objects, path: str) -> None:
    objects.delete([path])


def _publish_nothing(objects: Objects, operation: str) -> None:
    """A snapshot that changes nothing."""
    log = version_log(objects)
    for _ in range(ATTEMPTS):
        head = log.latest()
        if log.publish(head, operation, head.counts or snapshot_counts(()), entry_table([])) is not None:
            return
    raise CommitConflict(f"{objects.uri}: other writers were first {ATTEMPTS} times in a row; run the command again")


def _restore(objects: Objects, taken: Names, needed: set[str]) -> None:
    for path in needed & taken.keys():
        if (content := taken[path]) is not None:
            objects.create(path, base64.b64decode(content))


def _paths(needs: Needs) -> set[str]:
    return {
        *map(record_path, needs.segments),
        *map(list_path, needs.lists),
        *map(vector_path, needs.vectors),
    }


def _lost(segment: str, folder: SegmentFolder, needs: Needs) -> SegmentFolder:
    """Of a segment that is listed: attempts that are not."""
    return SegmentFolder(None, {a: them for a, them in folder.attempts.items() if (segment, a) not in needs.attempts})


def _journal(objects: Objects) -> Names:
    try:
        return dict(json.loads(objects.get(JOURNAL)))
    except (FileNotFoundError, ValueError):
        return {}
