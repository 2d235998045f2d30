"""What every corpus format offers: a check, a pass over the ids for planning, and the reading of a work unit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipelines.corpus.columns import CorpusColumns
from pipelines.corpus.files import CorpusFile
from pipelines.corpus.units import WorkUnit
from pipelines.dead_letters import DeadLetter

Int64s = npt.NDArray[np.int64]


@dataclass(frozen=True)
class IdBlock:
    """Ids of some successive rows of a file.

    Attributes:
        ids: large binary, as they are in the file (integers as decimal text); null where the row has none.
        rows: (n,) int64: row numbers in the file, rising.
        starts: (n,) int64: byte offset of each row; None in a format whose units are row ranges.
        text_bytes: estimate of the bytes of text in these rows.
    """

    ids: pa.Array
    rows: Int64s
    starts: Int64s | None
    text_bytes: int


@dataclass(frozen=True)
class RawRows:
    """Rows of a work unit as they were read, not validated.

    Attributes:
        rows: (n,) int64: row numbers in the file, rising.
        ids: (n,) large binary, null where there is none.
        texts: (n,) large binary, null where there is none.
        pairs: (n,) large binary, null for a single text; None where the corpus has no pairs.
        kept: table of the kept columns, None where there are none; string columns may hold invalid UTF-8.
        rejected: rows that could not be read at all; they are not among ``rows``.
    """

    rows: Int64s
    ids: pa.Array
    texts: pa.Array
    pairs: pa.Array | None
    kept: pa.Table | None
    rejected: tuple[DeadLetter, ...] = ()

    def take(self, positions: Int64s) -> RawRows:
        """The rows at these positions; what was rejected is left out."""
        at = pa.array(positions)
        return RawRows(
            rows=self.rows[positions],
            ids=self.ids.take(at),
            texts=self.texts.take(at),
            pairs=None if self.pairs is None else self.pairs.take(at),
            kept=None if self.kept is None else self.kept.take(at),
        )

    @staticmethod
    def concatenate(parts: list[RawRows]) -> RawRows:
        """All rows in order; ``parts`` holds at least one."""
        first = parts[0]
        if len(parts) == 1:
            return first
        return replace(
            first,
            rows=np.concatenate([part.rows for part in parts]),
            ids=pa.concat_arrays([part.ids for part in parts]),
            texts=pa.concat_arrays([part.texts for part in parts]),
            pairs=None if first.pairs is None else pa.concat_arrays([part.pairs for part in parts]),
            kept=None if first.kept is None else pa.concat_tables([part.kept for part in parts]),
            rejected=tuple(letter for part in parts for letter in part.rejected),
        )


class CorpusFormat(Protocol):
    """A frozen strategy; one file each, registered in `pipelines.corpus.formats`."""

    name: ClassVar[str]
    endings: ClassVar[tuple[str, ...]]

    def check(self, file: CorpusFile, columns: CorpusColumns) -> pa.Schema:
        """Look whether a file is what its ending says and has the columns, at the cost of its first block.

        Returns:
            Schema of the kept columns.

        Raises:
            UsageError: it is another kind of file, or lacks a column: the text lists the columns there are.
        """
        ...

    def scan(self, file: CorpusFile, columns: CorpusColumns) -> Iterator[IdBlock]:
        """Ids of the whole file, block by block, in bounded memory."""
        ...

    def read(self, unit: WorkUnit, columns: CorpusColumns) -> RawRows:
        """The rows of one work unit, as they are.

        Raises:
            DataError: the file is gone, damaged, or not what was planned over.
        """
        ...
