"""Reading planned parts of a corpus: a work unit."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from encoders.documents import DocumentBlock
from pipelines.corpus.columns import CorpusColumns
from pipelines.corpus.raw_rows import RawRows
from pipelines.corpus.units import WorkUnit
from pipelines.corpus.validate import validate
from pipelines.dead_letters import DeadLetter
from tables import format_of


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
    """Read a work unit and part its rows.

    Raises:
        DataError: the file is gone, damaged, or not what was planned over.
    """
    raw = read_raw(unit, columns)
    documents, dead = validate(raw, unit)
    return UnitRead(documents, dead, raw.rows[~np.isin(raw.rows, [letter.row for letter in dead])])


def read_raw(unit: WorkUnit, columns: CorpusColumns) -> RawRows:
    """The rows of a work unit, as they are; raises DataError as `read_unit` does."""
    (rows,) = format_of(unit.file).read(unit.file, [unit.part], columns.wanted)
    return RawRows.of(rows, columns, unit.file.uri)
