"""Forget, in a store and its predictions folders: after it, no byte of a document that is not live is left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from encore.featurestore import Catalogue, CommitConflict
from encore.featurestore.removal import (
    AGE_LIMIT,
    FAR,
    ForgetReport,
    age_cutoff,
    remove_aside,
    remove_forgotten,
    remove_runs,
    remove_temporary_files,
    rewrite,
)
from encore.featurestore.rewriting import Compaction
from encore.featurestore.storage import ListedObject
from encore.pipelines.predictions import (
    JobWork,
    PredictionFile,
    PredictionsFolder,
    SegmentUnit,
    carry_over,
    plan_segments,
)
from encore.pipelines.removal.orphans import count_and_bytes, find_orphans, remove_orphans


@dataclass(frozen=True)
class FolderForgetting:
    """The result of forget for a predictions folder.

    Attributes:
        uri: the folder.
        rewritten: number of files that were rewritten without predictions of deleted documents. In a dry run, the files
            that would be rewritten or removed.
        removed: files that no version lists, and outcomes and reports of runs.
        staged: files of unfinished writes.
        unscored: predictions of live documents that the next backfill makes.
    """

    uri: str
    rewritten: int
    removed: Sequence[ListedObject]
    staged: Sequence[Path]
    unscored: int


@dataclass(frozen=True)
class Forgetting:
    """The result of forget, or of its dry run.

    Attributes:
        store: the store after it.
        compaction: segments that were rewritten without deleted rows.
        removal: the objects removed from the store, and those that still hold deleted documents.
        folders: the result for each predictions folder.
    """

    store: Catalogue
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
    store: Catalogue,
    predictions: Sequence[PredictionsFolder] = (),
    *,
    age_limit: timedelta = AGE_LIMIT,
    dry_run: bool = False,
) -> Forgetting:
    """Make a store and its predictions forget every deleted document, and every superseded text.

    If it is interrupted at any point, a second call finishes it.

    Args:
        store: the store. The newest snapshot decides what is live, whichever is open.
        predictions: folders with predictions of it.
        age_limit: must be longer than any job runs. A job that began earlier is taken to have ended.
        dry_run: change nothing, and report what would be done.

    Raises:
        UsageError: a folder holds another store's predictions, or the limit is negative; nothing is changed.
        StoreError: an object that stays is missing or damaged; or a folder holds a symbolic link, and nothing
            is changed.
        CommitConflict: other writers were first too many times in a row; what is done so far stays.
    """
    for folder in predictions:
        folder.require_store(store)
    for objects in (store.objects, *(folder.objects for folder in predictions)):
        objects.require_no_links()
    cutoff = age_cutoff(age_limit)
    compaction = rewrite(store, dry_run=dry_run)
    head = store.newest()
    # Before the replaced segments are removed: `follow` needs their records.
    rewritten = [len(outdated_files(head, it)) if dry_run else follow(head, it) for it in predictions]
    removal = remove_forgotten(store, [it.objects for it in predictions], age_limit=age_limit, dry_run=dry_run)
    since = min((sign.since for sign in removal.at_work), default=FAR)
    folders = []
    for folder, files in zip(predictions, rewritten, strict=True):
        removed, staged = remove_orphans_and_runs(folder, cutoff, since, dry_run=dry_run)
        folders.append(FolderForgetting(folder.objects.uri, files, removed, staged, unscored(head, folder)))
    return Forgetting(store.newest(), compaction, removal, folders)


def follow(store: Catalogue, predictions: PredictionsFolder) -> int:
    """Rewrite outdated prediction files from their older rows, without scoring, and list only the new files.

    Args:
        store: the newest snapshot. Segments that it has replaced must still exist.
        predictions: a folder of this store.

    Returns:
        The number of files written.

    Raises:
        CommitConflict: another job removed the files before they could be listed.
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
        raise CommitConflict(
            f"{predictions.objects.uri}: another job removed files that forget was about to list; run forget again"
        )
    return len(made)


def _carry(store: Catalogue, predictions: PredictionsFolder, unit: SegmentUnit, head: str) -> PredictionFile | None:
    """Write the file of one head for one segment from its older files; None where these do not cover the segment."""
    entry = unit.entry
    table = carry_over(store, predictions, entry, unit.older.get(head), unit.sources.get(head, ()))
    return None if table is None else predictions.write(head, entry, table, store.version, store.spec.fingerprint)


def outdated_files(store: Catalogue, predictions: PredictionsFolder) -> list[PredictionFile]:
    """Listed files that are removed or rewritten once the store's segments with deleted rows are compacted."""
    whole = {entry.segment for entry in store.entries if not entry.deleted}
    return [file for file in predictions.files() if file.segment not in whole or file.deletions is not None]


def unscored(store: Catalogue, predictions: PredictionsFolder) -> int:
    """Number of predictions that the next backfill of the folder's heads makes."""
    units = plan_segments(store, predictions, predictions.heads(), predictions.files())
    return sum(len(unit.heads) * unit.entry.live for unit in units)


def remove_orphans_and_runs(
    predictions: PredictionsFolder, cutoff: datetime, since: datetime, *, dry_run: bool
) -> tuple[list[ListedObject], list[Path]]:
    """Remove files that the newest version does not list, and outcomes and reports of runs.

    Args:
        predictions: the folder.
        cutoff: runs that began before this time have ended.
        since: the earliest start of a job that may be at work. Files written since then stay.
        dry_run: remove nothing, and report what would be removed.

    Returns:
        The objects; and local files of unfinished writes.
    """
    objects = predictions.objects
    doomed = find_orphans(predictions, since)
    if not dry_run:
        doomed = remove_orphans(predictions, doomed, "forget")
    doomed += remove_runs(objects, cutoff, dry_run=dry_run)
    doomed += remove_aside(objects, dry_run=dry_run)
    return doomed, remove_temporary_files(objects, since, dry_run=dry_run)
