"""How many bytes the values of a Parquet row group take up once they are decoded.

Encoded sizes do not tell: a dictionary can repeat a text of 200 KB for two bits a row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from encore.featurestore.common import Int64s
from encore.tablefiles.columnar.parquet_footer import Footer
from encore.tablefiles.columnar.types import is_text, plain_type
from encore.tablefiles.files import READ_BYTES
from encore.tablefiles.values import byte_lengths

COARSE_BYTES = 256 << 20
"""In a row group that decodes to less, it does not matter where the long values are: any part of it is small."""

FINE_BYTES = 1 << 20
"""Bytes of one stretch within a larger row group."""

DICTIONARY_BYTES = 16 << 20
"""Maximum encoded bytes of a column chunk that is read as a dictionary."""

FEW_ROWS = 64
"""Rows that are decoded together if some may be large and nothing tells which."""


@dataclass(frozen=True)
class GroupSizes:
    """Decoded bytes of successive stretches of a row group.

    Attributes:
        ends: (stretches,) int64: where each ends, in rows of the group, rising.
        bytes: (stretches,) int64: what its rows decode to.
    """

    ends: Int64s
    bytes: Int64s

    @classmethod
    def even(cls, rows: int, size: int) -> GroupSizes:
        """The sizes of a row group that is one stretch."""
        return cls(np.array([rows]), np.array([size]))


def text_columns(footer: Footer, names: Sequence[str]) -> list[str]:
    """Columns of text that are read as dictionaries, so that no repeated value is decoded before it is needed.

    Only where their chunks are small: pyarrow collects the values of plainly encoded pages in one dictionary, which
    grows until the end of the chunk.
    """
    groups = range(footer.metadata.num_row_groups)
    chunks = [(c, footer.decoded[group][at]) for group in groups for c, at in _chunks(footer.metadata, group, names)]
    unfit = {c.path_in_schema for c, _ in chunks if _is_delta(c) or c.total_uncompressed_size > DICTIONARY_BYTES}
    repeated = {
        chunk.path_in_schema
        for chunk, decoded in chunks
        if _may_grow(chunk, decoded) or (decoded or 0) > 2 * chunk.total_uncompressed_size
    }
    return sorted(name for name in repeated - unfit if name in names)


def rows_at_once(footer: Footer, group: int, names: Sequence[str], dictionaries: Sequence[str]) -> int:
    """Rows of a batch that takes up some `READ_BYTES`; in ``dictionaries`` repeated values are counted once."""
    size: int = 0
    unknown = False
    for chunk, at in _chunks(footer.metadata, group, names):
        size += chunk.total_uncompressed_size
        if chunk.path_in_schema not in dictionaries:
            size += max((footer.decoded[group][at] or 0) - chunk.total_uncompressed_size, 0)
            unknown = unknown or _may_grow(chunk, footer.decoded[group][at])
    rows: int = max(READ_BYTES // max(size // max(footer.metadata.row_group(group).num_rows, 1), 16), 1)
    return min(rows, FEW_ROWS) if unknown else rows


def group_sizes(
    parquet: pq.ParquetFile, footer: Footer, group: int, names: Sequence[str], dictionaries: Sequence[str]
) -> GroupSizes:
    """Decoded bytes of these columns of a row group, all together.

    The footer tells, if the group is not too large, and if its texts are plainly encoded or their size was noted.
    Otherwise the columns are read. ``dictionaries`` are the columns that ``parquet`` reads as dictionaries.
    """
    decoded = footer.decoded[group]
    rows = parquet.metadata.row_group(group).num_rows
    chunks = _chunks(parquet.metadata, group, names)
    least = {chunk.path_in_schema: _least_bytes(chunk, decoded[at]) for chunk, at in chunks}
    known = sum(least.values())
    unknown = {chunk.path_in_schema for chunk, at in chunks if known > COARSE_BYTES or _may_grow(chunk, decoded[at])}
    texts = [field.name for field in parquet.schema_arrow if field.name in unknown and is_text(plain_type(field.type))]
    if not texts or not rows:
        return GroupSizes.even(rows, known)
    at_once = rows_at_once(footer, group, texts, dictionaries)
    if known > COARSE_BYTES:
        at_once = min(at_once, FEW_ROWS)
    rest = sum(size for name, size in least.items() if name not in texts)
    try:
        return _measured(parquet, group, texts, at_once, -(-rest // rows))
    except (pa.ArrowException, OSError):
        # A page is damaged. The work unit that reads it reports it; other units and the plan do not need it.
        return GroupSizes.even(rows, known)


def _measured(parquet: pq.ParquetFile, group: int, names: list[str], at_once: int, more: int) -> GroupSizes:
    """Sizes that are found by reading the columns; ``more`` bytes are added to every row."""
    ends: list[Int64s] = []
    sizes: list[Int64s] = []
    row = 0
    for batch in parquet.iter_batches(at_once, [group], names, use_threads=False):
        lengths = sum((byte_lengths(column) for column in batch.columns), np.full(batch.num_rows, more))
        total = np.cumsum(lengths)
        last = np.append(np.flatnonzero(np.diff(total // FINE_BYTES)), batch.num_rows - 1)
        ends.append(row + last + 1)
        sizes.append(np.diff(total[last], prepend=0))
        row += batch.num_rows
    return GroupSizes(np.concatenate(ends), np.concatenate(sizes))


def _chunks(metadata: pq.FileMetaData, group: int, names: Sequence[str]) -> list[tuple[pq.ColumnChunkMetaData, int]]:
    """Column chunks that belong to these columns, nested ones among them, and their positions in the group."""
    described = metadata.row_group(group)
    chunks = ((described.column(at), at) for at in range(described.num_columns))
    return [(c, at) for c, at in chunks if c.path_in_schema in names or c.path_in_schema.partition(".")[0] in names]


def _is_text(chunk: pq.ColumnChunkMetaData) -> bool:
    return bool(chunk.physical_type == "BYTE_ARRAY")


def _is_delta(chunk: pq.ColumnChunkMetaData) -> bool:
    return _is_text(chunk) and any(name.startswith("DELTA") for name in chunk.encodings)


def _least_bytes(chunk: pq.ColumnChunkMetaData, decoded: int | None) -> int:
    if decoded is not None and _is_text(chunk):
        return decoded
    return max(int(chunk.total_uncompressed_size), 0 if _is_text(chunk) else 8 * chunk.num_values)


def _may_grow(chunk: pq.ColumnChunkMetaData, decoded: int | None) -> bool:
    return _is_text(chunk) and decoded is None and (chunk.has_dictionary_page or _is_delta(chunk))
