"""Reading planned parts of a corpus: a work unit, or the calibration sample."""

from __future__ import annotations

from encoders.documents import DocumentBlock
from pipelines.corpus.columns import CorpusColumns
from pipelines.corpus.formats import FORMATS
from pipelines.corpus.units import WorkUnit
from pipelines.corpus.validate import validate
from pipelines.dead_letters import DeadLetter


def read_unit(unit: WorkUnit, columns: CorpusColumns) -> tuple[DocumentBlock, tuple[DeadLetter, ...]]:
    """The valid documents of a unit in file order, and the dead letters by row.

    Raises:
        DataError: the file is gone, damaged, or not what was planned over.
    """
    return validate(FORMATS[unit.file.format].read(unit, columns), unit)
