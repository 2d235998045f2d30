"""Forgetting in a store and in predictions folders of it: what is not live leaves no byte behind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from encore.featurestore import Store
from encore.featurestore.removal import AGE_LIMIT, FAR, ForgetReport, age_cutoff, newest, remove_forgotten, rewrite
from encore.featurestore.rewriting import Compaction
from encore.featurestore.storage import Listed
from encore.pipelines.predictions import Predictions
from encore.pipelines.removal.forget_predictions import follow, outdated_files, remove_unlisted, unscored


@dataclass(frozen=True)
class FolderForgotten:
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
    folders: Sequence[FolderForgotten] = field(default=())

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
            "removed": {kind: _sizes(found) for kind, found in self.removal.removed.items()},
            "unfinished_writes": len(self.removal.staged),
            "predictions": [
                {
                    "folder": folder.uri,
                    "rewritten": folder.rewritten,
                    "removed": _sizes(folder.removed),
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
        removed, staged = remove_unlisted(folder, cutoff, since, dry_run=dry_run)
        folders.append(FolderForgotten(folder.objects.uri, files, removed, staged, unscored(head, folder)))
    return Forgetting(newest(store), compaction, removal, folders)


def _sizes(found: Sequence[Listed]) -> dict[str, int]:
    return {"objects": len(found), "bytes": sum(stored.size for stored in found)}
