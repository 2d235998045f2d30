"""Forgetting: after it, no object of a store holds a document that its newest snapshot does not.

First `rewrite` leaves deleted rows out of the newest snapshot's segments, then `remove_forgotten` removes older
snapshots and everything that only they needed, with attempts, dead letters and reports. Between the two steps, a caller
can still update what depends on the store, such as predictions: it knows which segment became which.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from encore.featurestore.catalogue import Catalogue
from encore.featurestore.errors import UsageError
from encore.featurestore.history import read_tags
from encore.featurestore.removal.activity import (
    ActiveJob,
    active_attempts,
    active_jobs,
    active_runs,
    run_folders,
    temporary_files,
)
from encore.featurestore.removal.live_set import KeepRule, LiveSet
from encore.featurestore.removal.plan import Inventory
from encore.featurestore.removal.sweep import remove
from encore.featurestore.removal.tag_holds import held_by_tags
from encore.featurestore.removal.vacuum import AGE_LIMIT
from encore.featurestore.rewriting import Compaction, compact
from encore.featurestore.storage import REQUESTS_AT_ONCE, ListedObject, Objects

FAR = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True)
class ForgetReport:
    """What was removed, or would be, and what still holds documents that are not live.

    Attributes:
        kept: numbers of the snapshots that stay, ascending.
        at_work: jobs that may be at work, the earliest first; what they began to write stays.
        removed: kind → objects of that kind.
        staged: local files whose write was never finished.
        tags: tag → rows that it holds and that are gone from the newest snapshot.
        deleted_meanwhile: rows of the newest snapshot that were deleted since it was rewritten.
    """

    kept: tuple[int, ...]
    at_work: Sequence[ActiveJob] = ()
    removed: Mapping[str, Sequence[ListedObject]] = field(default_factory=dict)
    staged: Sequence[Path] = ()
    tags: Mapping[str, int] = field(default_factory=dict)
    deleted_meanwhile: int = 0

    @property
    def complete(self) -> bool:
        """Whether nothing is left that holds a document which is not live."""
        return not (self.at_work or self.tags or self.deleted_meanwhile)


def rewrite(store: Catalogue, *, dry_run: bool = False) -> Compaction:
    """Rewrite the segments of the newest snapshot that have deleted rows, without these rows; leave others alone."""
    return compact(store, target_bytes=1, dry_run=dry_run)


def age_cutoff(age_limit: timedelta) -> datetime:
    """A job that began before this time has ended.

    Raises:
        UsageError: the limit is negative.
    """
    if age_limit < timedelta(0):
        raise UsageError("the age limit is negative; give 0 hours or more")
    return datetime.now(UTC) - age_limit


def remove_forgotten(
    store: Catalogue, others: Sequence[Objects] = (), *, age_limit: timedelta = AGE_LIMIT, dry_run: bool = False
) -> ForgetReport:
    """Remove all but what the newest snapshot and tagged ones need, however young.

    Jobs that may be at work keep what they began with: the snapshots that were the newest then or later, and what was
    written since. Segment lists and deletion vectors name no document; young ones stay, as with a vacuum.

    Args:
        store: the store; its deleted rows have been left out by `rewrite`.
        others: predictions folders, whose jobs read the store.
        age_limit: longer than any job runs; a segment list or a deletion vector that is younger stays.
        dry_run: only say what would be removed, as if the store had been rewritten.

    Raises:
        UsageError: the limit is negative.
        StoreError: the manifest or a list of a snapshot that is kept is missing or damaged, or a link lies in the
            store; nothing is removed.
    """
    objects, cutoff = store.objects, age_cutoff(age_limit)
    objects.require_no_links()
    inventory = Inventory.of(objects)
    head, tagged = store.newest(), read_tags(objects)
    at_work = [sign for root in (objects, *others) for sign in active_jobs(root, cutoff)]
    at_work += active_attempts(objects, inventory.segments, head.listed, cutoff)
    at_work.sort(key=lambda sign: sign.since)
    since = min((sign.since for sign in at_work), default=FAR)
    kept = KeepRule(1, since).kept({n: it.written_at for n, it in inventory.manifests.items()}, tagged.values())
    live = LiveSet()
    if dry_run:
        _as_if_rewritten(head, live)
        if head.manifest.counts.get("deleted") and since == FAR and head.version not in tagged.values():
            kept.discard(head.version)
    else:
        kept |= {head.version} - {0}
    live.add(objects, {*kept, *tagged.values()})
    orphans = inventory.orphans(kept, live, since, cutoff)
    if not dry_run:
        planned, orphans = orphans, remove(objects, orphans, live, "forget")
        kept |= planned.manifests.keys() - orphans.manifests.keys()
    after = store.newest()
    return ForgetReport(
        kept=tuple(sorted(kept if dry_run else kept | {after.version} - {0})),
        at_work=at_work,
        removed={
            "manifests": list(orphans.manifests.values()),
            "segment lists": list(orphans.lists.values()),
            "deletion vectors": list(orphans.vectors.values()),
            "completion records": orphans.records,
            "segment objects": orphans.attempts,
            "objects of runs": remove_runs(objects, cutoff, dry_run=dry_run),
            "objects set aside": remove_aside(objects, dry_run=dry_run),
        },
        staged=remove_temporary_files(objects, since, dry_run=dry_run),
        tags=held_by_tags(after, tagged),
        deleted_meanwhile=0 if dry_run else sum(entry.deleted for entry in after.entries),
    )


def _as_if_rewritten(head: Catalogue, live: LiveSet) -> None:
    """Make ``live`` what the newest snapshot will need after its segments with deleted rows are rewritten."""
    if head.version:
        live.add(head.objects, [head.version])
    for entry in head.entries:
        if entry.deleted:
            live.attempts.pop(entry.segment)


def remove_runs(objects: Objects, cutoff: datetime, *, dry_run: bool) -> list[ListedObject]:
    """Remove outcomes, dead letters and reports of all runs that are not at work."""
    folders = run_folders(objects)
    at_work = active_runs(objects, folders, cutoff)
    ended = [found for run, found in folders.items() if run not in at_work]
    if not dry_run:
        with ThreadPoolExecutor(REQUESTS_AT_ONCE) as pool:
            list(pool.map(lambda found: objects.delete(stored.path for stored in found), ended))
    return [stored for found in ended for stored in found]


def remove_aside(objects: Objects, *, dry_run: bool) -> list[ListedObject]:
    """Remove what repairs set aside: damaged or not, it may hold documents."""
    found = list(objects.listing("aside"))
    if not dry_run:
        objects.delete(stored.path for stored in found)
    return found


def remove_temporary_files(objects: Objects, since: datetime, *, dry_run: bool) -> list[Path]:
    """Remove unfinished local files that are older than every job that may be at work."""
    old = sorted(path for path, written in temporary_files(objects).items() if written < since)
    if not dry_run:
        for path in old:
            path.unlink(missing_ok=True)
    return old
