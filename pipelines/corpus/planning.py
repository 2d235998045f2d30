"""The plan of a job: a corpus cut into work units. Planning also finds the ids that come twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import count, pairwise
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from encore.featurestore.common import Int64s
from encore.featurestore.errors import DataError, UsageError
from encore.pipelines.corpus.columns import CorpusColumns
from encore.pipelines.corpus.cutting import DocumentSize, Piece, choose_unit_rows, cut
from encore.pipelines.corpus.duplicates import find_duplicates
from encore.pipelines.corpus.survey import Survey, survey
from encore.pipelines.corpus.units import Duplicates, WorkUnit
from encore.tablefiles import TO_THE_END, TableFile, UnreadPath, format_of

T = TypeVar("T")

FILES_AT_ONCE = 8
"""Files that are surveyed at a time: object storage answers slowly, but answers many requests in parallel."""


@dataclass(frozen=True)
class Plan:
    """A corpus cut into work units.

    Attributes:
        units: work units in (file, row) order; none spans two files.
        documents: all rows, valid or not.
        duplicates: rows whose id came earlier in the corpus.
        keys: (ids, 2) uint64 in corpus order: key hashes of all distinct valid ids, as
            `encore.featurestore.documents.keys.words` gives them. Documents with an invalid text are among them:
            planning does not validate texts.
        unit_rows: the most rows of a unit.
        text_bytes: bytes of text.
        without_id: rows whose id is missing or cannot be read.
        first_without_id: file and row of the first of these rows; empty without one.
        damaged: files that cannot be read, and why. No rows of these files are in the plan.
    """

    units: tuple[WorkUnit, ...]
    documents: int
    duplicates: int
    keys: npt.NDArray[np.uint64]
    unit_rows: int
    text_bytes: int
    without_id: int = 0
    first_without_id: str = ""
    damaged: tuple[UnreadPath, ...] = ()


def plan(
    files: Sequence[TableFile],
    columns: CorpusColumns,
    unit_rows: int | None = None,
    size: DocumentSize | None = None,
    *,
    without_damaged: bool = False,
) -> Plan:
    """Read the ids of a corpus and cut it into units.

    When an id comes twice, the first row in (file, row) order keeps it, even if the text of that row is invalid. So
    every run chooses the same row. The later rows are left out, and become dead letters when their unit is read.

    Args:
        files: as `find_table_files` gives them, sorted by uri.
        columns: names of the columns.
        unit_rows: rows of a unit at most; None chooses a power of two by the size of the corpus and of its features.
        size: size of a document's features; None where the job makes none.
        without_damaged: leave out a file that cannot be read, and name it in ``damaged``. If no file can be read,
            it is an error all the same.

    Raises:
        UsageError: a file is not what its ending says or lacks a column, or ``unit_rows`` is below 1. All files are
            checked before the ids of any file are read.
        DataError: a file cannot be read.
    """
    if unit_rows is not None and unit_rows < 1:
        raise UsageError(f"unit rows {unit_rows}: expected at least 1")
    with ThreadPoolExecutor(FILES_AT_ONCE) as pool:
        checked = list(pool.map(partial(_tried, partial(_check, columns=columns)), files))
        sound = [file for file, found in zip(files, checked, strict=True) if not isinstance(found, DataError)]
        tried = list(pool.map(partial(_tried, partial(survey, columns=columns)), sound))
    surveys = [found for found in tried if not isinstance(found, DataError)]
    errors = {file: found for file, found in zip(files, checked, strict=True) if isinstance(found, DataError)}
    errors |= {file: found for file, found in zip(sound, tried, strict=True) if isinstance(found, DataError)}
    if errors and not (without_damaged and surveys):
        raise next(iter(errors.values()))
    keys = np.concatenate([np.empty((0, 2), np.uint64), *(found.keys for found in surveys)])
    later, first = find_duplicates(keys)
    size = size or DocumentSize()
    rows = unit_rows or choose_unit_rows(surveys, size)
    pieces = [cut(found, rows, size) for found in surveys]
    return Plan(
        units=tuple(_units(surveys, pieces, later, first)),
        documents=sum(found.count for found in surveys),
        duplicates=len(later),
        keys=np.delete(keys, later, axis=0) if len(later) else keys,
        unit_rows=rows,
        text_bytes=sum(found.text_bytes for found in surveys),
        without_id=sum(found.without_key for found in surveys),
        first_without_id=next((f"{it.file.uri} row {it.first_without_key}" for it in surveys if it.without_key), ""),
        damaged=tuple(UnreadPath(file.uri, str(error).removeprefix(f"{file.uri}: ")) for file, error in errors.items()),
    )


def _tried(work: Callable[[TableFile], T], file: TableFile) -> T | DataError:
    """The result of some work on a file, or the error in the file."""
    try:
        return work(file)
    except DataError as error:
        return error


def _check(file: TableFile, columns: CorpusColumns) -> None:
    format_of(file).check(file, columns.wanted)


def _units(
    surveys: Sequence[Survey], pieces: Sequence[list[Piece]], later: Int64s, first: Int64s
) -> Iterator[WorkUnit]:
    """The units of every file. ``later`` and ``first`` are what `find_duplicates` gives for all keys of the corpus."""
    uris = tuple(found.file.uri for found in surveys)
    origins = np.cumsum([0, *(len(found.keys) for found in surveys)])
    first_files = np.searchsorted(origins, first, side="right") - 1
    first_rows = np.empty(len(first), np.int64)
    for ordinal in np.unique(first_files).tolist():
        here = first_files == ordinal
        found = surveys[ordinal]
        first_rows[here] = found.row_numbers(found.rows_of_keys(first[here] - origins[ordinal]))
    numbers = count()
    for ordinal, (found, here, origin) in enumerate(zip(surveys, pieces, origins.tolist(), strict=False)):
        bounds = np.array([0, *(piece.stop for piece in here)])
        keys = found.keys_before(bounds) + origin
        doubles = np.searchsorted(later, keys)
        offsets = _offsets(found, bounds)
        for unit, (piece, (key, next_key), (double, next_double)) in enumerate(
            zip(here, pairwise(keys.tolist()), pairwise(doubles.tolist()), strict=True)
        ):
            mine = slice(double, next_double)
            yield WorkUnit(
                number=next(numbers),
                file=found.file,
                start=offsets[unit],
                stop=offsets[unit + 1],
                first_row=int(found.row_numbers(np.array([piece.start]))[0]),
                rows=piece.stop - piece.start,
                documents=next_key - key - (next_double - double),
                duplicates=Duplicates.build(
                    found.row_numbers(found.rows_of_keys(later[mine] - origin)),
                    first_rows[mine],
                    first_files[mine],
                    uris,
                ),
                split=(ordinal, piece.split),
            )


def _offsets(found: Survey, bounds: Int64s) -> list[int]:
    """Where units start and stop, in the unit of the file's format: rows or bytes."""
    if found.starts is None:
        return [int(bound) for bound in bounds]
    return [*found.starts[bounds[:-1]].tolist(), TO_THE_END]
