"""Features in motion: one block of documents with their packed vectors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

INDEX_SCHEMA = pa.schema(
    [
        pa.field("doc_id", pa.string(), nullable=False),
        pa.field("key_hash", pa.binary(16), nullable=False),
        pa.field("text_digest", pa.binary(32), nullable=False),
        pa.field("n_tokens", pa.int32(), nullable=False),
        pa.field("truncated", pa.bool_(), nullable=False),
    ]
)
"""Columns of every document index; the corpus columns asked for follow them."""


@dataclass(frozen=True)
class FeatureBlock:
    """Packed features of some documents, ragged on the row axis.

    Attributes:
        index: Arrow table, one row a document: `INDEX_SCHEMA` and the kept corpus columns.
        packed: (rows, packed width) or (rows, m, packed width): the quantizer's stored numbers.
        offsets: (documents + 1,) int64; ``packed[offsets[i]:offsets[i + 1]]`` is document i.

    Raises:
        ValueError: the three do not fit each other.
    """

    index: pa.Table
    packed: npt.NDArray[np.generic]
    offsets: npt.NDArray[np.int64]

    def __post_init__(self) -> None:
        documents = self.index.num_rows
        if self.offsets.shape != (documents + 1,):
            raise ValueError(f"{documents} documents need {documents + 1} offsets, got shape {self.offsets.shape}")
        if self.offsets[0] != 0 or self.offsets[-1] != len(self.packed) or (np.diff(self.offsets) < 0).any():
            raise ValueError(f"offsets must rise from 0 to {len(self.packed)} rows")

    def __len__(self) -> int:
        """Number of documents."""
        return int(self.index.num_rows)

    @property
    def doc_ids(self) -> pa.ChunkedArray:
        """Ids of the documents, in order."""
        return self.index["doc_id"]

    @property
    def lengths(self) -> npt.NDArray[np.int64]:
        """(documents,) int64: stored rows of each document."""
        return np.diff(self.offsets)

    def take(self, documents: npt.NDArray[np.int64]) -> FeatureBlock:
        """The documents at these positions, in this order."""
        lengths = self.lengths[documents]
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        rows = np.repeat(self.offsets[documents] - offsets[:-1], lengths) + np.arange(offsets[-1])
        return FeatureBlock(self.index.take(pa.array(documents)), self.packed[rows], offsets)

    def slice(self, start: int, stop: int) -> FeatureBlock:
        """Documents start to stop, without copying features."""
        first, last = self.offsets[start], self.offsets[stop]
        offsets = self.offsets[start : stop + 1] - first
        return FeatureBlock(self.index.slice(start, stop - start), self.packed[first:last], offsets)

    @staticmethod
    def concatenate(blocks: list[FeatureBlock]) -> FeatureBlock:
        """One block of all documents, in order; raises ValueError for an empty list."""
        if not blocks:
            raise ValueError("nothing to concatenate: an empty block has no width")
        starts = np.cumsum([0] + [len(block.packed) for block in blocks])
        offsets = np.concatenate([[0], *(b.offsets[1:] + s for b, s in zip(blocks, starts, strict=False))])
        return FeatureBlock(
            pa.concat_tables([block.index for block in blocks]),
            np.concatenate([block.packed for block in blocks]),
            offsets.astype(np.int64),
        )
