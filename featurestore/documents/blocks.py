"""Feature blocks: some documents with their packed vectors, in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from encore.featurestore.documents.columns import promote, promoted
from encore.featurestore.documents.ragged_arrays import offsets_of, rows_of

INDEX_SCHEMA = pa.schema(
    [
        pa.field("doc_id", pa.string(), nullable=False),
        pa.field("key_hash", pa.binary(16), nullable=False),
        pa.field("text_digest", pa.binary(32), nullable=False),
        pa.field("n_tokens", pa.int32(), nullable=False),
        pa.field("truncated", pa.bool_(), nullable=False),
        pa.field("n_first_tokens", pa.int32(), nullable=False),
    ]
)
"""Columns of every document index; corpus columns that were asked for follow them. ``n_first_tokens`` counts the
tokens before the second text of a pair. Without a second text it equals ``n_tokens``."""


@dataclass(frozen=True, eq=False)
class FeatureBlock:
    """Packed features of some documents, ragged on the row axis.

    Attributes:
        index: Arrow table, one row a document: `INDEX_SCHEMA`, and kept corpus columns where they were asked for.
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
        self.check_offsets()

    def __reduce__(self) -> tuple[Callable[..., FeatureBlock], tuple[Any, ...]]:
        """Pickle what the block holds and nothing else: Arrow's own pickle of a slice holds the whole table."""
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, self.index.schema) as stream:
            stream.write_table(self.index)
        return _from_pickle, (sink.getvalue(), self.packed, self.offsets)

    def check_offsets(self) -> None:
        """Raise ValueError unless the offsets fit the rows."""
        if self.offsets[0] != 0 or self.offsets[-1] != len(self.packed) or (self.offsets[1:] < self.offsets[:-1]).any():
            raise ValueError(f"offsets must rise from 0 to {len(self.packed)} rows")

    def __len__(self) -> int:
        """Number of documents."""
        return len(self.offsets) - 1

    @property
    def doc_ids(self) -> pa.ChunkedArray:
        """Ids of the documents, in order."""
        return self.index["doc_id"]

    @property
    def lengths(self) -> npt.NDArray[np.int64]:
        """(documents,) int64: stored rows of each document."""
        return np.diff(self.offsets)

    @property
    def first_lengths(self) -> npt.NDArray[np.int64]:
        """(documents,) int64: tokens of each document before its second text; all of them where it has one text."""
        lengths: npt.NDArray[np.int64] = self.index["n_first_tokens"].to_numpy().astype(np.int64)
        return lengths

    def take(self, documents: npt.NDArray[np.int64]) -> FeatureBlock:
        """The documents at these positions, in this order."""
        lengths = self.lengths[documents]
        rows = rows_of(self.offsets[documents], lengths)
        return FeatureBlock(self.index.take(pa.array(documents)), self.packed[rows], offsets_of(lengths))

    def slice(self, start: int, stop: int) -> FeatureBlock:
        """Documents start to stop, without copying features."""
        first, last = self.offsets[start], self.offsets[stop]
        offsets = self.offsets[start : stop + 1] - first
        return FeatureBlock(self.index.slice(start, stop - start), self.packed[first:last], offsets)

    @staticmethod
    def interleave(blocks: Sequence[FeatureBlock], places: Sequence[npt.NDArray[np.int64]]) -> FeatureBlock:
        """One block with document i of ``blocks[k]`` at ``places[k][i]``; the places are 0, 1, … in some order.

        It needs memory for the blocks and the result only. Raises ValueError for an empty list.
        """
        if not blocks:
            raise ValueError("nothing to interleave: an empty block has no width")
        place = np.concatenate(places)
        lengths = np.empty(len(place), np.int64)
        lengths[place] = np.concatenate([block.lengths for block in blocks])
        offsets = offsets_of(lengths)
        packed = np.empty((offsets[-1], *blocks[0].packed.shape[1:]), blocks[0].packed.dtype)
        for block, here in zip(blocks, places, strict=True):
            packed[rows_of(offsets[here], block.lengths)] = block.packed
        index = concatenate_indexes([block.index for block in blocks])
        return FeatureBlock(index.take(pa.array(np.argsort(place))), packed, offsets)

    @staticmethod
    def concatenate(blocks: list[FeatureBlock]) -> FeatureBlock:
        """One block of all documents, in order; raises ValueError for an empty list."""
        if not blocks:
            raise ValueError("nothing to concatenate: an empty block has no width")
        return FeatureBlock(
            concatenate_indexes([block.index for block in blocks]),
            np.concatenate([block.packed for block in blocks]),
            offsets_of(np.concatenate([block.lengths for block in blocks])),
        )


def _from_pickle(index: pa.Buffer, packed: npt.NDArray[np.generic], offsets: npt.NDArray[np.int64]) -> FeatureBlock:
    return FeatureBlock(pa.ipc.open_stream(index).read_all(), packed, offsets)


def concatenate_indexes(indexes: Sequence[pa.Table]) -> pa.Table:
    """One document index made of several, whose kept columns may differ.

    A column that an index lacks is null in its rows. Types are those of
    `encore.featurestore.documents.columns.promoted`.
    """
    schema = joined_schema(index.schema for index in indexes)
    return pa.concat_tables([of_schema(index, schema) for index in indexes])


def joined_schema(schemas: Iterable[pa.Schema]) -> pa.Schema:
    """The columns of several indexes, of types that hold the values of all of them."""
    different = list(dict.fromkeys(schemas))
    found: dict[str, list[pa.Field]] = {}
    for field in (field for schema in different for field in schema):
        found.setdefault(field.name, []).append(field)
    return pa.schema(
        pa.field(
            name,
            promoted(field.type for field in same),
            any(field.nullable for field in same) or len(same) < len(different),
        )
        for name, same in found.items()
    )


def of_schema(index: pa.Table, schema: pa.Schema) -> pa.Table:
    """The index with the columns of a schema from `joined_schema`; a column that it lacks is null."""
    held = index.column_names
    columns = [
        promote(index[field.name], field.type) if field.name in held else pa.nulls(index.num_rows, field.type)
        for field in schema
    ]
    return pa.Table.from_arrays(columns, schema=schema)
