"""Rows of a work unit, their columns separated into ids, texts, pairs and kept columns."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from encore.featurestore.common import Int64s
from encore.pipelines.corpus.columns import CorpusColumns
from encore.pipelines.dead_letters import DeadLetter
from encore.tablefiles import Rows


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

    @classmethod
    def of(cls, read: Rows, columns: CorpusColumns, uri: str) -> RawRows:
        """Rows of the file at ``uri``, their columns separated by role."""
        return cls(
            rows=read.rows,
            ids=read.values[columns.doc_id],
            texts=read.values[columns.text],
            pairs=None if columns.pair is None else read.values[columns.pair],
            kept=read.others,
            rejected=tuple(DeadLetter(fault.key, uri, fault.row, "read", fault.reason) for fault in read.faults),
        )

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
