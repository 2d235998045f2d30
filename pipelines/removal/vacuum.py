"""Vacuum of a predictions folder: remove old files that the newest version does not list, and old versions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from encore.featurestore.format import EMPTIED
from encore.featurestore.history import MANIFEST
from encore.featurestore.removal import AGE_LIMIT, LIST_NAME, KeepRule, age_cutoff, remove_temporary_files
from encore.featurestore.storage import REQUESTS_AT_ONCE, ListedObject
from encore.pipelines.predictions import PredictionsFolder
from encore.pipelines.removal.orphans import count_and_bytes, find_orphans, publish_fence, remove_orphans


@dataclass(frozen=True)
class FolderVacuum:
    """The objects that a vacuum removed from a predictions folder, or would remove.

    Attributes:
        uri: the folder.
        files: prediction files that the newest version does not list.
        manifests: manifests of older versions.
        lists: lists that no kept version names.
        staged: local files of unfinished writes.
    """

    uri: str
    files: Sequence[ListedObject] = ()
    manifests: Sequence[ListedObject] = ()
    lists: Sequence[ListedObject] = ()
    staged: Sequence[Path] = field(default=())

    @property
    def removed(self) -> dict[str, Sequence[ListedObject]]:
        """Kind → the objects of that kind."""
        return {"prediction files": self.files, "manifests": self.manifests, "lists": self.lists}

    def to_dict(self) -> dict[str, Any]:
        """JSON for programs: counts and bytes."""
        kinds = {kind: count_and_bytes(found) for kind, found in self.removed.items()}
        return {"folder": self.uri, "removed": kinds, "unfinished_writes": len(self.staged)}


def vacuum_folder(
    predictions: PredictionsFolder, *, age_limit: timedelta = AGE_LIMIT, dry_run: bool = False
) -> FolderVacuum:
    """Remove what the newest version does not need. Copies of heads and the reports of runs stay.

    Args:
        predictions: the folder. Backfills may be at work on it.
        age_limit: files written within this time stay, and so do versions that were the newest within it. It must be
            longer than any backfill runs, since a backfill lists its files only at its end. A backfill that runs
            longer loses no listed file, but has to score the removed ones again.
        dry_run: remove nothing, and report what would be removed.

    Raises:
        UsageError: the limit is negative.
        StoreError: the newest version is damaged; nothing is removed.
        CommitConflict: other writers were first too many times in a row; the next vacuum goes on from there.
    """
    objects, cutoff = predictions.objects, age_cutoff(age_limit)
    files = find_orphans(predictions, cutoff)
    # Listed before the manifests are read: a list that a job publishes meanwhile is then found in its manifest.
    lists = {match[1]: it for it in objects.listing("lists") if (match := LIST_NAME.fullmatch(it.path))}
    there = set(predictions.log.published())
    manifests = {
        int(match[1]): it
        for it in objects.listing("manifests")
        if (match := MANIFEST.fullmatch(it.path)) and int(match[1]) in there
    }
    kept = KeepRule(1, cutoff).kept({number: it.written_at for number, it in manifests.items()}, ())
    old = [it for number, it in sorted(manifests.items()) if number not in kept]
    needed = _named(predictions, kept)
    unneeded = {digest: it for digest, it in lists.items() if digest not in needed and it.written_at < cutoff}
    if not dry_run:
        files = remove_orphans(predictions, files, "vacuum")
        with ThreadPoolExecutor(REQUESTS_AT_ONCE) as pool:
            list(pool.map(lambda it: objects.replace(it.path, EMPTIED), old))
            if unneeded:
                # A job may have written one of these lists and not published it yet. After the fence its publication
                # fails. If it published before the fence, its version is among those read now.
                publish_fence(predictions, "vacuum")
                needed = _named(predictions, predictions.log.published())
                unneeded = {digest: it for digest, it in unneeded.items() if digest not in needed}
            list(pool.map(lambda it: objects.delete([it.path]), unneeded.values()))
    return FolderVacuum(
        objects.uri, files, old, list(unneeded.values()), remove_temporary_files(objects, cutoff, dry_run=dry_run)
    )


def _named(predictions: PredictionsFolder, versions: Iterable[int]) -> set[str]:
    """Digests of the lists that these versions name."""
    return {part.digest for manifest in predictions.log.those(versions) for part in manifest.lists}
