"""Reading a segment from its beginning to its end, block by block."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from encore.featurestore.common import lazy
from encore.featurestore.documents import FeatureBlock, parts_of
from encore.featurestore.errors import RESTORE, StoreError
from encore.featurestore.segments.deletion_vectors import live_positions
from encore.featurestore.segments.reader import SegmentReader


@dataclass(frozen=True, eq=False)
class OpenSegment:
    """A segment without its features, which are still to be read.

    Attributes:
        reader: reads them.
        offsets: (documents + 1,) int64: where each document's rows begin and end.
        deleted: positions of deleted documents, sorted.
        columns: columns of the index to read; None for all, kept corpus columns among them.
    """

    reader: SegmentReader
    offsets: npt.NDArray[np.int64]
    deleted: npt.NDArray[np.int64]
    columns: Sequence[str] | None

    @classmethod
    def open(cls, reader: SegmentReader, deleted: npt.NDArray[np.int64], columns: Sequence[str] | None) -> Self:
        """Read and verify all of a segment but its features; the index is not decoded yet.

        Raises:
            StoreError: it is not as long as its list says, or damaged.
        """
        segment = cls(reader, reader.offsets(), deleted, columns)
        segment.require_length(len(segment.offsets) - 1)
        reader.fetch_index()
        return segment

    @lazy
    def index(self) -> pa.Table:
        """Its document index, deleted documents included."""
        index = self.reader.index(self.columns)
        self.require_length(index.num_rows)
        return index

    @lazy
    def doc_ids(self) -> pa.ChunkedArray:
        """Ids of its documents; the rest of the index is not decoded for them."""
        ids = self.reader.index(["doc_id"])["doc_id"]
        self.require_length(len(ids))
        return ids

    def require_length(self, documents: int) -> None:
        """Raise StoreError unless the list gives this number of documents, and the number of rows in the offsets."""
        entry, rows = self.reader.entry, self.offsets[-1]
        if documents != entry.documents or rows != entry.rows:
            raise StoreError(
                f"{self.reader.objects.uri}: segment {entry.segment}: holds {documents} documents and {rows} rows, "
                f"its list says {entry.documents} and {entry.rows}; {RESTORE}"
            )

    def blocks(self, max_bytes: int) -> Iterator[FeatureBlock]:
        """The live documents, as blocks of some ``max_bytes`` of packed features."""
        deleted, layout = self.deleted, self.reader.layout
        block_rows = max(1, max_bytes // (math.prod(layout.shape[1:]) * layout.dtype.itemsize))
        for start, stop in parts_of(self.offsets, block_rows):
            here = deleted[(deleted >= start) & (deleted < stop)] - start
            if len(here) < stop - start:
                yield self._block(start, stop, here)

    def _block(self, start: int, stop: int, deleted: npt.NDArray[np.int64]) -> FeatureBlock:
        """Documents start to stop, without those at the ``deleted`` positions among them."""
        first, last = int(self.offsets[start]), int(self.offsets[stop])
        block = ScannedBlock.of(self, start, stop, self.reader.packed(first, last))
        return block.take(live_positions(stop - start, deleted)) if len(deleted) else block


class ScannedBlock(FeatureBlock):
    """A block that decodes its document index on first use, and only the ids if no more is used.

    Decoding the Parquet of a thousand documents takes as long as reading a megabyte of their features, and not every
    caller needs the index.
    """

    _segment: OpenSegment
    _start: int

    @classmethod
    def of(cls, segment: OpenSegment, start: int, stop: int, packed: npt.NDArray[np.generic]) -> Self:
        """Documents start to stop of a segment; ValueError where its offsets do not fit the rows."""
        block = cls.__new__(cls)
        offsets = segment.offsets[start : stop + 1] - segment.offsets[start]
        vars(block).update(_segment=segment, _start=start, packed=packed, offsets=offsets)
        block.check_offsets()
        return block

    @lazy
    def index(self) -> pa.Table:
        """Arrow table, one row a document; StoreError where it is damaged, or has another number of them."""
        return self._segment.index.slice(self._start, len(self))

    @property
    def doc_ids(self) -> pa.ChunkedArray:
        """Ids of the documents, in order; StoreError as `index`."""
        return super().doc_ids if "index" in vars(self) else self._segment.doc_ids.slice(self._start, len(self))
