"""Removing what nothing lists, so that no commit at the same time lists what is gone.

What a commit may claim by its name (completion records, segment lists, deletion vectors) is written down in a journal
(`featurestore.removals`) and removed. Then comes the fence, a snapshot that changes nothing: a commit that had seen the
names before runs into it, looks again, at the journals too (`featurestore.presence`), and writes its lists anew. One
that was faster is seen, and what it names comes back. Only then do the objects of segments go. A stop anywhere can be
undone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import PurePosixPath

from featurestore.commit import ATTEMPTS
from featurestore.deletions import vector_path
from featurestore.entries import entry_table, snapshot_counts
from featurestore.errors import CommitConflict
from featurestore.maintenance.needs import Needs
from featurestore.maintenance.removal import THREADS, SegmentFolder, restore, restore_tagged
from featurestore.objects import Listed, Objects
from featurestore.records import record_path
from featurestore.removals import Names, read_journals, write_journal
from featurestore.store import version_log
from featurestore.tags import tags
from featurestore.versions import list_path

JOURNAL_AGE = timedelta(days=1)
"""A journal that is younger stays whatever the age limit: what it holds comes back if its removal is interrupted."""
BATCH = 10_000
"""Names of one fence: the journal holds their objects, which are small."""


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
        since: names that were written at this time or later stay: a job that has just written them is
            about to list them. Without it all go.

    Raises:
        CommitConflict: other writers were first too many times in a row; nothing that is listed is lost.
    """
    needs.add_published_since(objects)
    doomed = doomed.without(needs)
    names = doomed.names(needs)
    journals: list[str] = []
    there: set[str] = set()
    for start in range(0, len(names), BATCH):
        batch = names[start : start + BATCH]
        taken = _take(objects, batch, since, journals)
        _publish_nothing(objects, operation)
        needs.add_published_since(objects)
        # Another removal may have held a tagged one while those that are kept were looked for.
        needs.add(objects, tags(objects).values())
        _restore(objects, taken, needs)
        # A name that is there stays with what it names: a job has claimed it, or another removal has put it back.
        with ThreadPoolExecutor(THREADS) as pool:
            there.update(
                path for path, size in zip(batch, pool.map(objects.size, batch), strict=True) if size is not None
            )
    gone = doomed.without(needs, frozenset(there))
    paths = [it.path for folder in gone.segments.values() for them in folder.attempts.values() for it in them]
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(lambda path: objects.delete([path]), paths))
    objects.delete(journals)
    return gone


def interrupted_removal(objects: Objects) -> frozenset[str]:
    """Segments that an interrupted removal was about to remove."""
    paths = (path for names in read_journals(objects).values() for path in names)
    return frozenset(PurePosixPath(path).stem for path in paths if path.startswith("segments/"))


def undo_interrupted_removals(objects: Objects, cutoff: datetime) -> None:
    """What interrupted removals took and a snapshot or a tag needs comes back.

    Args:
        objects: of the store.
        cutoff: a removal that began before this, and `JOURNAL_AGE` ago, is no longer at work, and its journal goes.

    Raises:
        StoreError: a journal is damaged.
    """
    journals = read_journals(objects)
    if not journals:
        return
    for names in journals.values():
        restore_tagged(objects, names)
    log = version_log(objects)
    lists = {list_path(part.digest) for manifest in log.history() for part in manifest.lists}
    for names in journals.values():
        for path in lists & names.keys():
            objects.create(path, names[path])
    needs = Needs()
    needs.add_published_since(objects)
    for path, names in journals.items():
        _restore(objects, names, needs)
        written = objects.written_at(path)
        if written is not None and written < min(cutoff, datetime.now(UTC) - JOURNAL_AGE):
            objects.delete([path])


def _take(objects: Objects, names: Sequence[str], since: datetime | None, journals: list[str]) -> Names:
    """Write names down in a journal, which is added to ``journals``, and remove them; returns what was there."""
    with ThreadPoolExecutor(THREADS) as pool:
        found = zip(names, pool.map(lambda path: _read(objects, path, since), names), strict=True)
        taken = {path: content for path, content in found if content is not None}
        journals.append(write_journal(objects, taken))
        list(pool.map(lambda path: _remove(objects, path, taken[path]), taken))
    return taken


def _read(objects: Objects, path: str, since: datetime | None) -> bytes | None:
    """Content of a name; None where there is none, or somebody has written it anew."""
    try:
        written = None if since is None else objects.written_at(path)
        return None if written is not None and since is not None and written >= since else objects.get(path)
    except FileNotFoundError:
        return None


def _remove(objects: Objects, path: str, content: bytes) -> None:
    """Remove a name, unless it is somebody else's by now: reading as many as a journal holds takes its time."""
    with suppress(FileNotFoundError):
        if objects.get(path) == content:
            objects.delete([path])


def _publish_nothing(objects: Objects, operation: str) -> None:
    """A snapshot that changes nothing."""
    log = version_log(objects)
    for _ in range(ATTEMPTS):
        head = log.latest()
        if log.publish(head, operation, head.counts or snapshot_counts(()), entry_table([])) is not None:
            return
    raise CommitConflict(f"{objects.uri}: other writers were first {ATTEMPTS} times in a row; run the command again")


def _restore(objects: Objects, taken: Names, needs: Needs) -> None:
    """Put back what a snapshot needs, if it is what the snapshot names: over what another attempt wrote meanwhile."""
    named = {*map(list_path, needs.lists), *map(vector_path, needs.vectors)}
    for path, content in taken.items():
        needed = path in named or hashlib.sha256(content).hexdigest() in needs.records
        if needed and not objects.create(path, content):
            restore(objects, path, content)


def _lost(segment: str, folder: SegmentFolder, needs: Needs) -> SegmentFolder:
    """Of a segment that is listed: attempts that are not."""
    return SegmentFolder(None, {a: them for a, them in folder.attempts.items() if (segment, a) not in needs.attempts})
