"""Reading the work units of a corpus."""

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
    """The documents and dead letters of a work unit.

    Attributes:
        documents: the valid ones, in file order.
        dead: dead letters of the other rows, by row.
        rows: (documents,) int64: rows of the valid documents in the file.
    """

    documents: DocumentBlock
    dead: tuple[DeadLetter, ...]
    rows: npt.NDArray[np.int64]


def read_units(units: Sequence[WorkUnit], columns: CorpusColumns) -> Iterator[UnitRead]:
    """Read work units of one file in one pass, and validate their rows. Only one unit is in memory at a time.

    Raises:
        DataError: the file is gone or damaged, or has changed since the plan. Another call can read the later units.
    """
    found = read_raw(units, columns)
    for unit in units:
        # The rows get no variable: it would keep them in memory while the next unit is read.
        yield _part(unit, next(found))


def read_raw(units: Sequence[WorkUnit], columns: CorpusColumns) -> Iterator[RawRows]:
    """The rows of work units of one file, not validated. Raises DataError as `read_units` does."""
    file = units[0].file
    reader = format_of(file)
    return (
        RawRows.of(rows, columns, file.uri) for rows in reader.read(file, [unit.part for unit in units], columns.wanted)
    )


def _part(unit: WorkUnit, raw: RawRows) -> UnitRead:
    documents, dead = validate(raw, unit)
    return UnitRead(documents, dead, raw.rows[~np.isin(raw.rows, [letter.row for letter in dead])])
