"""The plan of a backfill: the segments that heads have to score, and the prediction files that exist already."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from encore.featurestore import Catalogue
from encore.featurestore.segments import SegmentEntry
from encore.featurestore.storage import ListedObject
from encore.pipelines.predictions.files import PREDICTION_FILE, PredictionFile
from encore.pipelines.predictions.folder import PredictionsFolder
from encore.pipelines.predictions.presence import files_of, sound_files
from encore.pipelines.predictions.segment_units import SegmentUnit
from encore.pipelines.predictions.sources import source_files

Candidates = Mapping[tuple[str, str, str], Sequence[ListedObject]]


def plan_segments(
    store: Catalogue,
    predictions: PredictionsFolder,
    names: Sequence[str],
    listed: Sequence[PredictionFile],
    *,
    check: bool = False,
) -> list[SegmentUnit]:
    """The segments that lack up-to-date predictions of some head, with the files that each head can use.

    A listed file counts as missing if it has another size, or an end that cannot be read.

    Args:
        store: the snapshot to score.
        predictions: the folder. Its files of these heads are listed once.
        names: ``task@digest`` of the heads.
        listed: files of the folder's newest version.
        check: plan to read every listed file, and to score again where one is damaged.
    """
    stored = files_of(predictions.objects, names)
    wanted = set(names)
    files = sound_files(predictions.objects, (file for file in listed if file.head in wanted), stored)
    there = {file.key: file for file in files}
    todo: list[tuple[SegmentEntry, dict[str, PredictionFile | None]]] = []
    for entry in store.entries:
        found = {name: there.get((name, entry.segment)) for name in names}
        todo_here = {name: file for name, file in found.items() if check or not _is_scored(entry, file)}
        if todo_here and entry.live:
            todo.append((entry, todo_here))
    unscored = ((entry, [name for name, file in lacking.items() if file is None]) for entry, lacking in todo)
    sources = source_files(store, unscored, files)
    unlisted = _unlisted(stored, {file.path for file in listed})
    fingerprint = store.spec.fingerprint
    return [
        SegmentUnit(
            number=number,
            entry=entry,
            heads=tuple(lacking),
            listed={name: file for name, file in lacking.items() if file is not None and _is_scored(entry, file)},
            candidates=_candidates(entry, lacking, unlisted, store.version, fingerprint),
            older={name: file for name, file in lacking.items() if file is not None and not _is_scored(entry, file)},
            sources=sources.get(entry.segment, {}),
        )
        for number, (entry, lacking) in enumerate(todo)
    ]


def _is_scored(entry: SegmentEntry, file: PredictionFile | None) -> bool:
    return file is not None and file.deletions == entry.deletions


def _unlisted(stored: Mapping[str, ListedObject], listed: set[str]) -> Candidates:
    """(head, segment, deletion vector) → files that no version lists, the newest first."""
    found: dict[tuple[str, str, str], list[ListedObject]] = {}
    for path, it in stored.items():
        named = PREDICTION_FILE.fullmatch(path)
        if named is not None and path not in listed:
            found.setdefault(named.groups(), []).append(it)  # type: ignore[arg-type]
    return {key: sorted(them, key=lambda it: it.written_at, reverse=True) for key, them in found.items()}


def _candidates(
    entry: SegmentEntry, names: Iterable[str], unlisted: Candidates, snapshot: int, fingerprint: str
) -> dict[str, tuple[PredictionFile, ...]]:
    """Head → files for a segment that an interrupted run may have written and not listed."""
    rows = {
        name: tuple(
            PredictionFile(name, entry.segment, entry.deletions, it.path, entry.live, it.size, snapshot, fingerprint)
            for it in unlisted.get((name, entry.segment, entry.deletions or "all"), ())
        )
        for name in names
    }
    return {name: found for name, found in rows.items() if found}
