"""Removing prediction files that nothing lists, beside jobs that may be about to list them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime

from encore.featurestore import CommitConflict
from encore.featurestore.storage import REQUESTS_AT_ONCE, Listed
from encore.pipelines.predictions import ATTEMPTS, FILE_SCHEMA, PREDICTION_FILE, Predictions

BATCH_BYTES = 64 << 20
"""Files of one fence: they are held in memory until it is known that nobody has listed them."""


def find_orphans(predictions: Predictions, before: datetime) -> list[Listed]:
    """Prediction files that the newest version does not list, and that were written before a time."""
    there = [stored for stored in predictions.objects.listing("") if PREDICTION_FILE.fullmatch(stored.path)]
    # After the listing: a file that is listed meanwhile is not taken for one that nothing lists.
    listed = {file.path for file in predictions.files()}
    return [stored for stored in there if stored.path not in listed and stored.written_at < before]


def remove_orphans(predictions: Predictions, doomed: Sequence[Listed], operation: str) -> list[Listed]:
    """Remove files that nothing lists, and say which went: what has been listed by now comes back.

    They go first. Then comes the fence, a version that changes nothing: a job that had seen a file before runs into it,
    looks again, and does not list the file (`Predictions.publish`). One that was faster is seen, and what it lists is
    put back. Where this is stopped in between, what such a job lists is missing, and the next backfill scores it again.

    Args:
        predictions: the folder.
        doomed: what may go.
        operation: name of the fence in the history.

    Raises:
        CommitConflict: other writers were first too many times in a row; nothing that is listed is lost.
    """
    kept = {path for batch in _batches(doomed) for path in _remove(predictions, batch, operation)}
    return [stored for stored in doomed if stored.path not in kept]


def _remove(predictions: Predictions, batch: Sequence[Listed], operation: str) -> set[str]:
    """Remove files behind one fence; the paths of those that were put back."""
    objects = predictions.objects
    with ThreadPoolExecutor(REQUESTS_AT_ONCE) as pool:
        found = zip(batch, pool.map(lambda stored: _read(predictions, stored.path), batch), strict=True)
        held = {stored.path: data for stored, data in found if data is not None}
        # All of them, where a failure leaves open who needs what.
        needed = set(held)
        try:
            list(pool.map(lambda path: objects.delete([path]), held))
            publish_fence(predictions, operation)
            needed &= {file.path for file in predictions.files()}
        finally:
            list(pool.map(lambda path: objects.put(path, held[path]), needed))
            objects.barrier()
    return needed


def _batches(doomed: Sequence[Listed]) -> Iterator[list[Listed]]:
    batch: list[Listed] = []
    for stored in doomed:
        if batch and sum(it.size for it in batch) + stored.size > BATCH_BYTES:
            yield batch
            batch = []
        batch.append(stored)
    if batch:
        yield batch


def _read(predictions: Predictions, path: str) -> bytes | None:
    with suppress(FileNotFoundError):
        return predictions.objects.get(path)
    return None


def publish_fence(predictions: Predictions, operation: str) -> None:
    """A version that changes nothing."""
    nothing = FILE_SCHEMA.empty_table()
    for _ in range(ATTEMPTS):
        latest = predictions.log.latest()
        if predictions.log.publish(latest, operation, latest.counts, nothing) is not None:
            return
    raise CommitConflict(f"{predictions.objects.uri}: other writers were first {ATTEMPTS} times in a row; run again")


def count_and_bytes(found: Sequence[Listed]) -> dict[str, int]:
    """How many objects these are, and how large together: for reports."""
    return {"objects": len(found), "bytes": sum(stored.size for stored in found)}
