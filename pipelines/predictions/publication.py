"""What a version of a predictions folder lists after a job, whoever else has published meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from encore.featurestore.history import Manifest
from encore.pipelines.predictions.files import PredictionFile


@dataclass(frozen=True)
class JobWork:
    """What a job has done for a snapshot of the store.

    Attributes:
        heads: that it worked for.
        snapshot: of the store.
        live: segments of this snapshot with live documents.
        made: files to be listed.
        planned_on: what the version listed that the job began with.
        newest_live: asks for the segments with live documents of what is the store's newest snapshot by now.
    """

    heads: Collection[str]
    snapshot: int
    live: Collection[str]
    made: Sequence[PredictionFile]
    planned_on: Sequence[PredictionFile]
    newest_live: Callable[[], Collection[str]]


@dataclass(frozen=True)
class Publication:
    """What came of a publication.

    Attributes:
        before: the version that was in force before it.
        manifest: the one that is now: the same where there was nothing to change.
        gone: files that were to be listed and are not there any more; they are not listed.
    """

    before: Manifest
    manifest: Manifest
    gone: Sequence[PredictionFile] = ()


def changes(work: JobWork, listed: Sequence[PredictionFile]) -> tuple[list[PredictionFile], list[PredictionFile]]:
    """Rows that a job adds to what is listed now, and rows that it drops.

    A head's rows are those of one snapshot. So where nobody else has published for a head since the job was planned,
    what it has made is listed, and segments that its snapshot lacks are dropped, though that be an older one: that was
    asked for. Where somebody has, the two may have worked from different snapshots, and the later publication is not
    the better one. Then only segments that the store still has are added; rows that came meanwhile, of as new a
    snapshot or a newer one, stay; and no row is dropped that came meanwhile, or whose segment the store still has.
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
