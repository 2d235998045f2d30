"""What a version of a predictions folder lists after a job, when other jobs may have published meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from encore.featurestore.history import Manifest
from encore.pipelines.predictions.files import PredictionFile


@dataclass(frozen=True)
class JobWork:
    """The work of a job for one snapshot of the store.

    Attributes:
        heads: the heads that it scored with.
        snapshot: number of the snapshot.
        live: segments of this snapshot with live documents.
        made: files to be listed.
        planned_on: files that were listed when the job was planned.
        newest_live: gives the segments with live documents of the store's newest snapshot at the time of the call.
    """

    heads: Collection[str]
    snapshot: int
    live: Collection[str]
    made: Sequence[PredictionFile]
    planned_on: Sequence[PredictionFile]
    newest_live: Callable[[], Collection[str]]


@dataclass(frozen=True)
class Publication:
    """The result of a publication.

    Attributes:
        before: the newest version before it.
        manifest: the newest version after it; the same one where nothing changed.
        gone: files that were to be listed, but do not exist any more. They are not listed.
    """

    before: Manifest
    manifest: Manifest
    gone: Sequence[PredictionFile] = ()


def changes(work: JobWork, listed: Sequence[PredictionFile]) -> tuple[list[PredictionFile], list[PredictionFile]]:
    """Rows that a job adds to the listed ones, and rows that it drops.

    The rows of a head belong to one snapshot. There are two cases for a head:

    - Since the job was planned, no other job has published for the head. Then all files of the job are listed. Rows
      whose segments its snapshot lacks are dropped, even if the snapshot is not the newest: the user asked for it.
    - Another job has published for the head, perhaps for another snapshot. The later publication need not be the better
      one. So only files for segments of the store's newest snapshot are added. A row that the other job added stays if
      its snapshot is at least as new. Rows that came meanwhile, or whose segment the store still has, are not dropped.
    """
    began_with, heads = set(work.planned_on), set(work.heads)
    before, now = _rows(work.planned_on), _rows(listed)
    meanwhile = {row.head for row in began_with ^ set(listed)} & heads
    newest = set(work.newest_live()) if meanwhile else set()
    live = set(work.live)

    def is_added(file: PredictionFile) -> bool:
        row = now.get(file.key)
        if row == file or file.head not in meanwhile:
            return row != file
        keeps = row is not None and row != before.get(file.key) and row.snapshot >= work.snapshot
        return file.segment in newest and not keeps

    def is_dropped(row: PredictionFile) -> bool:
        wanted = row.segment in live or (row.head in meanwhile and row.segment in newest)
        return row.head in heads and row in began_with and not wanted

    added = {file.key: file for file in work.made if is_added(file)}
    return list(added.values()), [row for row in listed if is_dropped(row) and row.key not in added]


def _rows(files: Sequence[PredictionFile]) -> dict[tuple[str, str], PredictionFile]:
    return {file.key: file for file in files}
