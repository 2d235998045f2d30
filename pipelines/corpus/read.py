"""Reading planned parts of a corpus: a work unit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from encore.encoders.documents import DocumentBlock
from encore.pipelines.corpus.columns import CorpusColumns
from encore.pipelines.corpus.raw_rows import RawRows
from encore.pipelines.corpus.units import WorkUnit
from encore.pipelines.corpus.validation import validate
from encore.pipelines.dead_letters import DeadLetter
from encore.tablefiles import format_of


class UnitRead(NamedTuple):
    """What a work unit holds.

    Attributes:
        documents: the valid ones, in file order.
        dead: dead letters of the others, by row.
        rows: (documents,) int64: rows of the valid documents in the file.
    """

    documents: DocumentBlock
    dead: tuple[DeadLetter, ...]
    rows: npt.NDArray[np.int64]


def read_unit(unit: WorkUnit, columns: CorpusColumns) -> UnitRead:
    """Read a work unit alone; see `read_units`."""
    (found,) = read_units([unit], columns)
    return found


def read_units(units: Sequence[WorkUnit], columns: CorpusColumns) -> Iterator[UnitRead]:
    """Read work units of one file in one pass and part their rows; what is held is one unit's.

    Raises:
        DataError: the file is gone, damaged, or not what was planned over; the units after that can be asked for anew.
    """
    found = read_raw(units, columns)
    for unit in units:
        # No name is given to its rows: it would hold them while the next unit is read.
        yield _part(unit, next(found))


def read_raw(units: Sequence[WorkUnit], columns: CorpusColumns) -> Iterator[RawRows]:
    """The rows of work units of one file, as they are; raises DataError as `read_units` does."""
    file = units[0].file
    reader = format_of(file)
    return (
        RawRows.of(rows, columns, file.uri) for rows in reader.read(file, [unit.part for unit in units], columns.wanted)
    )


def _part(unit: WorkUnit, raw: RawRows) -> UnitRead:
    documents, dead = validate(raw, unit)
    return UnitRead(documents, dead, raw.rows[~np.isin(raw.rows, [letter.row for letter in dead])])
