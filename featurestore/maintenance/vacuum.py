"""Vacuum: remove what no kept snapshot needs, and nothing that a running job may be about to commit."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from featurestore.errors import UsageError
from featurestore.maintenance.fenced_removal import Doomed, remove_fenced, undo_interrupted_removals
from featurestore.maintenance.forget_at_work import staged_files
from featurestore.maintenance.needs import KeepRule, Needs, spanning, without_strays
from featurestore.maintenance.removal import SegmentFolder, remove_manifests
from featurestore.objects import Listed, Objects
from featurestore.store import STORE_FILE, read_spec
from featurestore.tags import tags
from featurestore.versions import MANIFEST

AGE_LIMIT = timedelta(days=7)
"""Nothing younger is removed. It is to be longer than the longest job, which commits at its end what it wrote first."""
LIST = re.compile(r"lists/([0-9a-f]{64})\.parquet")
VECTOR = re.compile(r"deletions/([0-9a-f]{32})")
RECORD = re.compile(r"segments/([0-9a-f]{32})\.json")
ATTEMPT = re.compile(r"segments/([0-9a-f]{32})/([^/]+)/.+")


@dataclass(frozen=True)
class Vacuum:
    """What a vacuum removed, or would remove, in the order of removal.

    Attributes:
        kept: numbers of the snapshots that stay, ascending.
        manifests: those of the other snapshots.
        lists: segment lists.
        vectors: deletion vectors.
        records: completion records.
        attempts: objects that attempts at segments wrote.
        staged: local files of writes that were killed; no listing of objects shows them.
    """

    kept: tuple[int, ...]
    manifests: Sequence[Listed] = ()
    lists: Sequence[Listed] = ()
    vectors: Sequence[Listed] = ()
    records: Sequence[Listed] = ()
    attempts: Sequence[Listed] = ()
    staged: Sequence[Listed] = ()

    @property
    def removed(self) -> dict[str, Sequence[Listed]]:
        """Kind → the objects of that kind."""
        return {
            "manifests": self.manifests,
            "segment lists": self.lists,
            "deletion vectors": self.vectors,
            "completion records": self.records,
            "segment objects": self.attempts,
            "unfinished files": self.staged,
        }

    def to_dict(self) -> dict[str, Any]:
        """JSON for programs: counts and bytes."""
        kinds = {
            kind: {"objects": len(found), "bytes": sum(stored.size for stored in found)}
            for kind, found in self.removed.items()
        }
        return {"kept_snapshots": list(self.kept), "removed": kinds}


def vacuum(
    objects: Objects,
    *,
    keep_snapshots: int = 1,
    keep_days: float = 0,
    age_limit: timedelta = AGE_LIMIT,
    dry_run: bool = False,
) -> Vacuum:
    """Remove old snapshots, and then the objects that no snapshot needs any more.

    The newest snapshot, tagged ones, and those that were the newest within the age limit stay in any case; so do
    `store.json`, tags, the block list and the reports below ``runs/``. Manifests go first: wherever it stops, what is
    kept is whole, and the next vacuum removes the rest. Where more than manifests goes, a snapshot that changes nothing
    keeps commits at the same time from listing what is gone (`featurestore.maintenance.fenced_removal`).

    Args:
        objects: where the store lies.
        keep_snapshots: so many of the newest stay; one that a removal added counts with that before it.
        keep_days: those stay that were the newest within so many days.
        age_limit: nothing that was written within this time is removed.
        dry_run: only say what would be removed.

    Raises:
        UsageError: there is no store, or a limit is negative.
        StoreError: a kept snapshot's manifest or list is missing or damaged; nothing is removed.
        CommitConflict: other writers were first too many times in a row; the next vacuum goes on.
    """
    # Read, not only looked for: what a newer format needs is not for this release to say.
    if read_spec(objects) is None:
        raise UsageError(f"{objects.uri}: no store here (no {STORE_FILE})")
    if keep_snapshots < 1 or keep_days < 0 or age_limit < timedelta(0):
        raise UsageError("vacuum: at least one snapshot is kept, and neither days nor the age limit are negative")
    now = datetime.now(UTC)
    cutoff = now - age_limit
    if not dry_run:
        undo_interrupted_removals(objects, cutoff)
    # Before the manifests: what is committed meanwhile is then seen to be listed.
    folders = segment_folders(objects)
    lists, vectors = named_objects(objects, "lists", LIST), named_objects(objects, "deletions", VECTOR)
    manifests = {int(number): stored for number, stored in named_objects(objects, "manifests", MANIFEST).items()}
    rule = KeepRule(spanning(objects, manifests, keep_snapshots), min(cutoff, now - timedelta(days=keep_days)))
    tagged = set(tags(objects).values())
    kept = rule.kept({number: stored.written_at for number, stored in manifests.items()}, tagged)
    kept = without_strays(objects, kept, tagged)
    needs = Needs()
    needs.add(objects, kept | tagged)
    doomed = {number: stored for number, stored in sorted(manifests.items()) if number not in kept}
    old_lists = {name: it for name, it in lists.items() if name not in needs.lists and it.written_at < cutoff}
    old_vectors = {name: it for name, it in vectors.items() if name not in needs.vectors and it.written_at < cutoff}
    removable = {s: left for s, folder in folders.items() if (left := _removable(s, folder, needs, cutoff)).objects}
    gone = Doomed(removable, old_lists, old_vectors)
    staged = _staged(objects, cutoff)
    if not dry_run:
        spared = remove_manifests(objects, doomed)
        if spared:
            # Tagged meanwhile: what these snapshots need is for the next vacuum to work out.
            return Vacuum(
                kept=tuple(sorted(kept | spared)),
                manifests=[stored for number, stored in doomed.items() if number not in spared],
            )
        for path in staged:
            path.unlink(missing_ok=True)
        newest = needs.newest
        gone = remove_fenced(objects, gone, needs, "vacuum", since=cutoff)
        kept |= set(range(newest + 1, needs.newest + 1))
    return Vacuum(
        kept=tuple(sorted(kept)),
        manifests=list(doomed.values()),
        lists=list(gone.lists.values()),
        vectors=list(gone.vectors.values()),
        records=[folder.record for folder in gone.segments.values() if folder.record is not None],
        attempts=[stored for folder in gone.segments.values() for part in folder.attempts.values() for stored in part],
        staged=list(staged.values()),
    )


def named_objects(objects: Objects, prefix: str, pattern: re.Pattern[str]) -> dict[str, Listed]:
    """Name → object, of those below a folder that are called as ours are; others stay."""
    return {match[1]: stored for stored in objects.listing(prefix) if (match := pattern.fullmatch(stored.path))}


def _staged(objects: Objects, cutoff: datetime) -> dict[Path, Listed]:
    """Local files, younger ones aside, that a killed process had begun to write."""
    found = {}
    for path, written in staged_files(objects).items():
        with suppress(FileNotFoundError):
            if written < cutoff:
                found[path] = Listed(path.relative_to(objects.uri).as_posix(), path.stat().st_size, written)
    return found


def segment_folders(objects: Objects) -> dict[str, SegmentFolder]:
    """Segment → what lies in storage of it."""
    folders: dict[str, SegmentFolder] = {}
    for stored in objects.listing("segments"):
        if match := RECORD.fullmatch(stored.path):
            folders.setdefault(match[1], SegmentFolder()).record = stored
        elif match := ATTEMPT.fullmatch(stored.path):
            folders.setdefault(match[1], SegmentFolder()).attempts.setdefault(match[2], []).append(stored)
    return folders


def _removable(segment: str, folder: SegmentFolder, needs: Needs, cutoff: datetime) -> SegmentFolder:
    """What may go of a segment.

    Of a listed one, old attempts that lost. One that is not listed goes as a whole, when all of it is old: a job may be
    writing an attempt, or have found the record of one that finished.
    """
    if segment in needs.segments:
        lost = {
            attempt: found
            for attempt, found in folder.attempts.items()
            if (segment, attempt) not in needs.attempts and _all_old(found, cutoff)
        }
        return SegmentFolder(None, lost)
    return folder if _all_old(folder.objects, cutoff) else SegmentFolder()


def _all_old(found: Iterable[Listed], cutoff: datetime) -> bool:
    return all(stored.written_at < cutoff for stored in found)
