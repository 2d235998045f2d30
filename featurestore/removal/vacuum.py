"""Vacuum: remove what no kept snapshot needs, and nothing that a running job may be about to commit."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from encore.featurestore.errors import UsageError
from encore.featurestore.history import STORE_FILE, read_spec, read_tags
from encore.featurestore.removal.activity import temporary_files
from encore.featurestore.removal.live_set import KeepRule, LiveSet, spanning
from encore.featurestore.removal.plan import Inventory
from encore.featurestore.removal.sweep import remove
from encore.featurestore.storage import ListedObject, Objects

AGE_LIMIT = timedelta(days=7)
"""Nothing younger is removed. The limit must exceed the longest job, which commits at its end what it wrote first."""


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
    manifests: Sequence[ListedObject] = ()
    lists: Sequence[ListedObject] = ()
    vectors: Sequence[ListedObject] = ()
    records: Sequence[ListedObject] = ()
    attempts: Sequence[ListedObject] = ()
    staged: Sequence[ListedObject] = ()

    @property
    def removed(self) -> dict[str, Sequence[ListedObject]]:
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

    It takes the store's objects, and no `Catalogue`: which snapshots matter, it finds out itself.

    The newest snapshot, tagged ones, and those that were the newest within the age limit stay in any case; so do
    `store.json`, tags, the block list and the reports below ``runs/``. If a vacuum is stopped at any point, what is
    kept is whole, and the next vacuum removes the rest. If it removes more than manifests, it publishes a snapshot that
    changes nothing, which keeps simultaneous commits from listing what is gone (`encore.featurestore.removal.sweep`).

    Args:
        objects: where the store lies.
        keep_snapshots: how many of the newest snapshots stay; one that a removal added counts together with the one
            before it.
        keep_days: snapshots stay that were the newest within this many days.
        age_limit: nothing that was written within this time is removed.
        dry_run: only say what would be removed.

    Raises:
        UsageError: there is no store, or a limit is negative.
        StoreError: a kept snapshot's manifest or list is missing or damaged, or a link lies in the store; nothing is
            removed.
        CommitConflict: other writers were first too many times in a row; the next vacuum continues.
    """
    # The file is read, not only looked for: this release does not know what a newer format needs.
    if read_spec(objects) is None:
        raise UsageError(f"{objects.uri}: no store here (no {STORE_FILE})")
    if keep_snapshots < 1 or keep_days < 0 or age_limit < timedelta(0):
        raise UsageError("vacuum: expected at least 1 snapshot to keep, and 0 or more for days and age limit")
    objects.require_no_links()
    now = datetime.now(UTC)
    cutoff = now - age_limit
    inventory, tagged = Inventory.of(objects), set(read_tags(objects).values())
    since = min(cutoff, now - timedelta(days=keep_days))
    rule = KeepRule(spanning(objects, inventory.manifests, keep_snapshots), since)
    kept = rule.kept({number: stored.written_at for number, stored in inventory.manifests.items()}, tagged)
    live = LiveSet()
    live.add(objects, kept | tagged)
    orphans = inventory.orphans(kept, live, cutoff, cutoff)
    staged = _staged(objects, cutoff)
    if not dry_run:
        for path in staged:
            path.unlink(missing_ok=True)
        newest = live.newest
        planned, orphans = orphans, remove(objects, orphans, live, "vacuum")
        spared = planned.manifests.keys() - orphans.manifests.keys()
        kept |= spared | set(range(newest + 1, live.newest + 1))
    return Vacuum(
        kept=tuple(sorted(kept)),
        manifests=list(orphans.manifests.values()),
        lists=list(orphans.lists.values()),
        vectors=list(orphans.vectors.values()),
        records=orphans.records,
        attempts=orphans.attempts,
        staged=list(staged.values()),
    )


def _staged(objects: Objects, cutoff: datetime) -> dict[Path, ListedObject]:
    """Old local files that a killed process had begun to write."""
    found = {}
    for path, written in temporary_files(objects).items():
        with suppress(FileNotFoundError):
            if written < cutoff:
                found[path] = ListedObject(path.relative_to(objects.uri).as_posix(), path.stat().st_size, written)
    return found
