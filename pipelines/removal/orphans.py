"""Removing prediction files that no version lists, while running jobs may be about to list them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime

from encore.featurestore import CommitConflict
from encore.featurestore.storage import REQUESTS_AT_ONCE, ListedObject
from encore.pipelines.predictions import FILE_SCHEMA, PREDICTION_FILE, PUBLISH_ATTEMPTS, PredictionsFolder

BATCH_BYTES = 64 << 20
"""The most bytes of files removed under one fence. They stay in memory until it is certain that no job listed them."""


def find_orphans(predictions: PredictionsFolder, before: datetime) -> list[ListedObject]:
    """Prediction files that the newest version does not list and that were written before this time."""
    there = [stored for stored in predictions.objects.listing("") if PREDICTION_FILE.fullmatch(stored.path)]
    # Read after the listing of objects: a file that a job lists meanwhile is then not taken for an orphan.
    listed = {file.path for file in predictions.files()}
    return [stored for stored in there if stored.path not in listed and stored.written_at < before]


def remove_orphans(
    predictions: PredictionsFolder, doomed: Sequence[ListedObject], operation: str
) -> list[ListedObject]:
    """Remove files that no version lists. Returns the removed ones: a file that a job lists meanwhile is put back.

    The files are removed first. Then a fence is published: a version that changes nothing. There are two cases for a
    job that saw a file before it was removed. If the job publishes after the fence, it has to look again, and does not
    list the file (`PredictionsFolder.publish`). If it published before the fence, its files are found in the list, and
    are put back. If this function is stopped before that, such files are missing, and the next backfill scores them
    again.

    Args:
        predictions: the folder.
        doomed: the files to remove.
        operation: name of the fence in the history.

    Raises:
        CommitConflict: other writers were first too many times in a row; nothing that is listed is lost.
    """
    kept = {path for batch in _batches(doomed) for path in _remove(predictions, batch, operation)}
    return [stored for stored in doomed if stored.path not in kept]


def _remove(predictions: PredictionsFolder, batch: Sequence[ListedObject], operation: str) -> set[str]:
    """Remove files under one fence. Returns the paths of those that were put back."""
    objects = predictions.objects
    with ThreadPoolExecutor(REQUESTS_AT_ONCE) as pool:
        found = zip(batch, pool.map(lambda stored: _read(predictions, stored.path), batch), strict=True)
        held = {stored.path: data for stored, data in found if data is not None}
        # After a failure all files are put back, since it is not known which are needed.
        needed = set(held)
        try:
            list(pool.map(lambda path: objects.delete([path]), held))
            publish_fence(predictions, operation)
            needed &= {file.path for file in predictions.files()}
        finally:
            list(pool.map(lambda path: objects.put(path, held[path]), needed))
            objects.barrier()
    return needed


def _batches(doomed: Sequence[ListedObject]) -> Iterator[list[ListedObject]]:
    batch: list[ListedObject] = []
    for stored in doomed:
        if batch and sum(it.size for it in batch) + stored.size > BATCH_BYTES:
            yield batch
            batch = []
        batch.append(stored)
    if batch:
        yield batch


def _read(predictions: PredictionsFolder, path: str) -> bytes | None:
    with suppress(FileNotFoundError):
        return predictions.objects.get(path)
    return None


def publish_fence(predictions: PredictionsFolder, operation: str) -> None:
    """Publish a version that changes nothing. Raises CommitConflict if other writers were first too many times."""
    nothing = FILE_SCHEMA.empty_table()
    for _ in range(PUBLISH_ATTEMPTS):
        latest = predictions.log.latest()
        if predictions.log.publish(latest, operation, latest.counts, nothing) is not None:
            return
    raise CommitConflict(
        f"{predictions.objects.uri}: other writers were first {PUBLISH_ATTEMPTS} times in a row; run the command again"
    )


def count_and_bytes(found: Sequence[ListedObject]) -> dict[str, int]:
    """Number and total bytes of these objects, for reports."""
    return {"objects": len(found), "bytes": sum(stored.size for stored in found)}
