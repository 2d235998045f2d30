"""Corpus files in Parquet: units are row ranges."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from encore.featurestore.common import Int64s, first_line
from encore.featurestore.errors import UsageError
from encore.tablefiles.columnar.batches import DAMAGE, NumberedBatches, damage_named, read_parts
from encore.tablefiles.columnar.parquet_footer import Footer, read_footer
from encore.tablefiles.columnar.parquet_sizes import GroupSizes, group_sizes, rows_at_once, text_columns
from encore.tablefiles.columnar.types import check_schema
from encore.tablefiles.contract import ColumnSelection, KeyBlock, Part, Rows
from encore.tablefiles.files import TableFile, bytes_at_once, open_input
from encore.tablefiles.values import as_bytes


@dataclass(frozen=True)
class ParquetFiles:
    """Parquet: keys are text or integers, texts are text or binary, in any layout."""

    name: ClassVar[str] = "parquet"
    endings: ClassVar[tuple[str, ...]] = (".parquet", ".pq")
    compressed_inside: ClassVar[bool] = True

    def ends_whole(self, file: TableFile) -> bool:
        """True: its footer is at the end."""
        del file
        return True

    def check(self, file: TableFile, wanted: ColumnSelection) -> None:
        """See `TableFormat.check`; a column of another type than text (or integers, for ids) is refused as well."""
        with open_input(file):
            try:
                schema = read_footer(file).metadata.schema.to_arrow_schema()
                _ = schema.names
            except DAMAGE as error:
                raise UsageError(f"{file.uri}: not a Parquet file, or a damaged one: {first_line(error)}") from error
        check_schema(file.uri, schema, wanted)

    def scan(self, file: TableFile, wanted: ColumnSelection) -> Iterator[KeyBlock]:
        """See `TableFormat.scan`; reads the key column, and others where their decoded size is not in the footer."""
        with _opened(file, wanted) as parquet:
            row = 0
            footer = read_footer(file)
            dictionaries = text_columns(footer, wanted.names)
            for group in range(parquet.num_row_groups):
                sizes = group_sizes(parquet, footer, group, wanted.names, dictionaries)
                for block in _key_blocks(parquet, footer, group, wanted.key, sizes):
                    yield KeyBlock(block.keys, block.rows + row, None, block.text_bytes)
                row += parquet.metadata.row_group(group).num_rows

    def split_points(self, file: TableFile) -> Int64s:
        """See `TableFormat.split_points`; a row group is decoded from its start."""
        with _opened(file, None) as parquet:
            return np.cumsum([0, *_group_rows(parquet)[:-1]])

    def read(self, file: TableFile, parts: Sequence[Part], wanted: ColumnSelection) -> Iterator[Rows]:
        """See `TableFormat.read`; decodes the row groups that the parts touch, each once, batch by batch."""
        with _opened(file, wanted) as parquet:
            yield from read_parts(file, _batches_of(parquet, read_footer(file), parts, wanted.names), parts, wanted)


def _key_blocks(parquet: pq.ParquetFile, footer: Footer, group: int, key: str, sizes: GroupSizes) -> Iterator[KeyBlock]:
    """Keys of a row group, one block for each stretch of ``sizes``; rows are counted within the group."""
    row = 0
    for batch in _batches(parquet, footer, group, (key,)):
        cuts = sizes.ends[(sizes.ends > row) & (sizes.ends < row + batch.num_rows)]
        bounds = np.concatenate([[row], cuts, [row + batch.num_rows]])
        before = np.interp(bounds, np.append(0, sizes.ends), np.append(0, np.cumsum(sizes.bytes)))
        keys = as_bytes(batch[key])
        for start, stop, size in zip(bounds[:-1].tolist(), bounds[1:].tolist(), np.diff(before).tolist(), strict=True):
            yield KeyBlock(keys.slice(start - row, stop - start), np.arange(start, stop), None, round(size))
        row += batch.num_rows


def _batches_of(
    parquet: pq.ParquetFile, footer: Footer, parts: Sequence[Part], names: tuple[str, ...]
) -> NumberedBatches:
    """Batches of the row groups that parts touch."""
    # The plan makes units small where texts are large: no batch is to hold more rows than the smallest part.
    most = min(part.stop - part.start for part in parts)
    ends = np.cumsum(_group_rows(parquet))
    touched = {
        group
        for part in parts
        for group in range(
            int(np.searchsorted(ends, part.start, side="right")), int(np.searchsorted(ends, part.stop, side="left")) + 1
        )
    }
    for group in sorted(touched.intersection(range(len(ends)))):
        row = int(ends[group - 1]) if group else 0
        for batch in _batches(parquet, footer, group, names, most):
            yield row, batch
            row += batch.num_rows


def _batches(
    parquet: pq.ParquetFile, footer: Footer, group: int, names: tuple[str, ...], most: int = 1 << 16
) -> Iterator[pa.RecordBatch]:
    size = min(rows_at_once(footer, group, names, text_columns(footer, names)), most)
    return parquet.iter_batches(size, [group], list(names), use_threads=False)  # type: ignore[no-any-return]


def _group_rows(parquet: pq.ParquetFile) -> list[int]:
    return [parquet.metadata.row_group(group).num_rows for group in range(parquet.num_row_groups)]


@contextmanager
def _opened(file: TableFile, wanted: ColumnSelection | None) -> Iterator[pq.ParquetFile]:
    with damage_named(file), open_input(file) as stream:
        try:
            footer = read_footer(file)
            yield pq.ParquetFile(
                stream,
                metadata=footer.metadata,
                read_dictionary=[] if wanted is None else text_columns(footer, wanted.names),
                # A buffered stream holds one buffer a column; without it a whole row group would be fetched at once.
                buffer_size=bytes_at_once(file),
                pre_buffer=False,
                page_checksum_verification=True,
            )
        finally:
            # pyarrow's allocator keeps the freed pages of every column chunk: tens of megabytes more at the peak.
            pa.default_memory_pool().release_unused()
