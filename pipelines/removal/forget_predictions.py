"""Predictions follow a forgetting: those of documents that are not live leave a folder, all others stay unscored."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from encore.featurestore import CommitConflict, Store
from encore.featurestore.removal import remove_aside, remove_runs, remove_temporary_files
from encore.featurestore.storage import Listed
from encore.pipelines.predictions import PredictionFile, Predictions, SegmentUnit, Work, carried, new_path, plan_units
from encore.pipelines.removal.orphans import remove, unlisted


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
        for unit in plan_units(store, predictions, heads, listed)
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
    if predictions.publish(Work(heads, store.version, live, made, listed, lambda: live)).gone:
        raise CommitConflict(f"{predictions.objects.uri}: files that were to be listed are gone; forget again")
    return len(made)


def _carry(store: Store, predictions: Predictions, unit: SegmentUnit, head: str) -> PredictionFile | None:
    """The file of one head for one segment, written from its older ones; None where these do not give it."""
    entry = unit.entry
    table = carried(store, predictions, entry, unit.older.get(head), unit.sources.get(head, ()))
    if table is None:
        return None
    path = new_path(head, entry)
    size = predictions.write_file(path, table)
    return PredictionFile(
        head, entry.segment, entry.deletions, path, entry.live, size, store.version, store.spec.fingerprint
    )


def outdated_files(store: Store, predictions: Predictions) -> list[PredictionFile]:
    """Listed files that go, or are written anew, once the store's segments with deleted rows are others."""
    whole = {entry.segment for entry in store.entries if not entry.deleted}
    return [file for file in predictions.files() if file.segment not in whole or file.deletions is not None]


def unscored(store: Store, predictions: Predictions) -> int:
    """Predictions that the next backfill of the folder's heads makes."""
    units = plan_units(store, predictions, predictions.heads(), predictions.files())
    return sum(len(unit.heads) * unit.entry.live for unit in units)


def remove_unlisted(
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
    doomed = unlisted(predictions, since)
    if not dry_run:
        doomed = remove(predictions, doomed, "forget")
    doomed += remove_runs(objects, cutoff, dry_run=dry_run)
    doomed += remove_aside(objects, dry_run=dry_run)
    return doomed, remove_temporary_files(objects, since, dry_run=dry_run)
