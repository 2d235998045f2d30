"""Forgetting in a store and in predictions folders of it: what is not live leaves no byte behind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from encore.featurestore import CommitConflict, Store
from encore.featurestore.removal import (
    AGE_LIMIT,
    FAR,
    ForgetReport,
    age_cutoff,
    newest,
    remove_aside,
    remove_forgotten,
    remove_runs,
    remove_temporary_files,
    rewrite,
)
from encore.featurestore.rewriting import Compaction
from encore.featurestore.storage import Listed
from encore.pipelines.predictions import (
    JobWork,
    PredictionFile,
    Predictions,
    SegmentUnit,
    carry_over,
    plan_segments,
)
from encore.pipelines.removal.orphans import count_and_bytes, find_orphans, remove_orphans


@dataclass(frozen=True)
class FolderForgetting:
    """What became of a predictions folder.

    Attributes:
        uri: the folder.
        rewritten: files that were written anew without predictions of documents that are gone; what would be written
            anew or would go, where nothing is done yet.
        removed: files that nothing lists, and what runs wrote about themselves.
        staged: files of which a write was never finished.
        unscored: predictions of live documents that the next backfill makes.
    """

    uri: str
    rewritten: int
    removed: Sequence[Listed]
    staged: Sequence[Path]
    unscored: int


@dataclass(frozen=True)
class Forgetting:
    """What was forgotten, or would be.

    Attributes:
        store: the store after it.
        compaction: segments that were written anew without deleted rows.
        removal: what went from the store, and what still holds documents that are gone.
        folders: what became of each predictions folder.
    """

    store: Store
    compaction: Compaction
    removal: ForgetReport
    folders: Sequence[FolderForgetting] = field(default=())

    @property
    def complete(self) -> bool:
        """Whether no file holds a document that is not live."""
        return self.removal.complete

    def to_dict(self) -> dict[str, Any]:
        """JSON for programs: counts and bytes, and what is left."""
        return {
            "snapshot": self.store.version,
            "documents": len(self.store),
            "complete": self.complete,
            "kept_snapshots": list(self.removal.kept),
            "rewritten": {"segments": self.compaction.replaced, "deleted_rows": self.compaction.deleted},
            "removed": {kind: count_and_bytes(found) for kind, found in self.removal.removed.items()},
            "unfinished_writes": len(self.removal.staged),
            "predictions": [
                {
                    "folder": folder.uri,
                    "rewritten": folder.rewritten,
                    "removed": count_and_bytes(folder.removed),
                    "unfinished_writes": len(folder.staged),
                    "unscored": folder.unscored,
                }
                for folder in self.folders
            ],
            "held_by_tags": dict(self.removal.tags),
            "at_work": [{"name": it.name, "since": it.since.isoformat()} for it in self.removal.at_work],
            "deleted_meanwhile": self.removal.deleted_meanwhile,
        }


def forget(
    store: Store,
    predictions: Sequence[Predictions] = (),
    *,
    age_limit: timedelta = AGE_LIMIT,
    dry_run: bool = False,
) -> Forgetting:
    """Make a store and predictions of it forget every document, and every text of one, that is not live.

    Whatever it is interrupted at, a second call finishes it.

    Args:
        store: the store; its newest snapshot counts, whichever is open.
        predictions: folders with predictions of it.
        age_limit: longer than any job runs: one that began earlier is taken to have ended.
        dry_run: only say what would be done.

    Raises:
        UsageError: a folder holds another store's predictions, or the limit is negative; nothing is changed.
        StoreError: an object that stays is missing or damaged; or a link lies in a folder, and nothing is changed.
        CommitConflict: other writers were first too many times in a row; what was done stays done.
    """
    for folder in predictions:
        folder.require_store(store)
    for objects in (store.objects, *(folder.objects for folder in predictions)):
        objects.require_no_links()
    cutoff = age_cutoff(age_limit)
    compaction = rewrite(store, dry_run=dry_run)
    head = newest(store)
    # While the replaced segments are still there: what they say of themselves is needed to follow them.
    rewritten = [len(outdated_files(head, it)) if dry_run else follow(head, it) for it in predictions]
    removal = remove_forgotten(store, [it.objects for it in predictions], age_limit=age_limit, dry_run=dry_run)
    since = min((sign.since for sign in removal.at_work), default=FAR)
    folders = []
    for folder, files in zip(predictions, rewritten, strict=True):
        removed, staged = remove_orphans_and_runs(folder, cutoff, since, dry_run=dry_run)
        folders.append(FolderForgetting(folder.objects.uri, files, removed, staged, unscored(head, folder)))
    return Forgetting(newest(store), compaction, removal, folders)


def follow(store: Store, predictions: Predictions) -> int:
    """Write the predictions that are not up to date anew from what they were, and list these alone.

    Args:
        store: the newest snapshot; segments that it has replaced must still be there.
        predictions: a folder of this store.

    Returns:
        How many files were written.

    Raises:
        CommitConflict: somebody has removed what was written before it could be listed.
    """
    listed = predictions.files()
    heads = sorted({file.head for file in listed})
    made = [
        file
        for unit in plan_segments(store, predictions, heads, listed)
        for head in unit.heads
        if (file := _carry(store, predictions, unit, head)) is not None
    ]
    there = {file.key for file in made}
    entries = {entry.segment: entry for entry in store.entries if entry.live}
    outdated = {
        file.segment
        for file in listed
        if file.segment in entries and file.deletions != entries[file.segment].deletions and file.key not in there
    }
    live = entries.keys() - outdated
    if predictions.publish(JobWork(heads, store.version, live, made, listed, lambda: live)).gone:
        raise CommitConflict(f"{predictions.objects.uri}: files that were to be listed are gone; forget again")
    return len(made)


def _carry(store: Store, predictions: Predictions, unit: SegmentUnit, head: str) -> PredictionFile | None:
    """The file of one head for one segment, written from its older ones; None where these do not give it."""
    entry = unit.entry
    table = carry_over(store, predictions, entry, unit.older.get(head), unit.sources.get(head, ()))
    return None if table is None else predictions.write(head, entry, table, store.version, store.spec.fingerprint)


def outdated_files(store: Store, predictions: Predictions) -> list[PredictionFile]:
    """Listed files that go, or are written anew, once the store's segments with deleted rows are others."""
    whole = {entry.segment for entry in store.entries if not entry.deleted}
    return [file for file in predictions.files() if file.segment not in whole or file.deletions is not None]


def unscored(store: Store, predictions: Predictions) -> int:
    """Predictions that the next backfill of the folder's heads makes."""
    units = plan_segments(store, predictions, predictions.heads(), predictions.files())
    return sum(len(unit.heads) * unit.entry.live for unit in units)


def remove_orphans_and_runs(
    predictions: Predictions, cutoff: datetime, since: datetime, *, dry_run: bool
) -> tuple[list[Listed], list[Path]]:
    """Remove files that the newest version does not list, and what runs wrote about themselves.

    Args:
        predictions: the folder.
        cutoff: runs that began before have ended.
        since: when the first job that may be at work began: what was written since stays.
        dry_run: only say what would be removed.

    Returns:
        The objects; and local files of which a write was never finished.
    """
    objects = predictions.objects
    doomed = find_orphans(predictions, since)
    if not dry_run:
        doomed = remove_orphans(predictions, doomed, "forget")
    doomed += remove_runs(objects, cutoff, dry_run=dry_run)
    doomed += remove_aside(objects, dry_run=dry_run)
    return doomed, remove_temporary_files(objects, since, dry_run=dry_run)
