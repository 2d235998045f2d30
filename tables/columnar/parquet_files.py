"""Corpus files in Parquet: units are row ranges."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from featurestore.errors import DataError, UsageError
from featurestore.kept_columns import plain, promoted
from tables.contract import KeyBlock, Part, Rows, Wanted
from tables.files import READ_BYTES, TableFile, bytes_at_once, open_input
from tables.values import as_bytes


@dataclass(frozen=True)
class ParquetFiles:
    """Parquet: keys are text or integers, texts are text or binary, dictionary-encoded or not."""

    name: ClassVar[str] = "parquet"
    endings: ClassVar[tuple[str, ...]] = (".parquet", ".pq")

    def check(self, file: TableFile, wanted: Wanted) -> pa.Schema:
        """See `TableFormat.check`; a column of another type than text (or integers, for ids) is refused as well."""
        with open_input(file) as stream:
            try:
                schema = pq.ParquetFile(stream).schema_arrow
            except (pa.ArrowException, OSError) as error:
                raise UsageError(f"{file.uri}: not a Parquet file, or a damaged one: {_first_line(error)}") from error
        wanted.require(file.uri, schema.names)
        _require_type(file, schema.field(wanted.key), integers=True)
        for name in wanted.texts:
            _require_type(file, schema.field(name), integers=False)
        for name in wanted.labels:
            _require_type(file, schema.field(name), integers=True, booleans=True)
        return pa.schema([pa.field(name, promoted([schema.field(name).type])) for name in wanted.others])

    def scan(self, file: TableFile, wanted: Wanted) -> Iterator[KeyBlock]:
        """See `TableFormat.scan`; reads the key column only."""
        with _opened(file) as parquet:
            row = 0
            share = _text_bytes(parquet, wanted) / max(parquet.metadata.num_rows, 1)
            for batch in _batches(parquet, list(range(parquet.num_row_groups)), (wanted.key,)):
                rows = np.arange(row, row + batch.num_rows)
                row += batch.num_rows
                yield KeyBlock(as_bytes(batch[wanted.key]), rows, None, round(share * batch.num_rows))

    def split_points(self, file: TableFile) -> npt.NDArray[np.int64]:
        """See `TableFormat.split_points`; a row group is decoded from its start."""
        with _opened(file) as parquet:
            counts = [parquet.metadata.row_group(i).num_rows for i in range(parquet.num_row_groups)]
        return np.cumsum([0, *counts[:-1]])

    def read(self, file: TableFile, parts: Sequence[Part], wanted: Wanted) -> Iterator[Rows]:
        """See `TableFormat.read`; decodes the row groups that a part touches, batch by batch."""
        for part in parts:
            yield _read_part(file, part, wanted)


def _read_part(file: TableFile, part: Part, wanted: Wanted) -> Rows:
    with _opened(file) as parquet:
        counts = [parquet.metadata.row_group(i).num_rows for i in range(parquet.num_row_groups)]
        ends = np.cumsum(counts)
        first = int(np.searchsorted(ends, part.start, side="right"))
        last = int(np.searchsorted(ends, part.stop, side="left"))
        row = int(ends[first]) - counts[first]
        batches = []
        for batch in _batches(parquet, list(range(first, last + 1)), wanted.names):
            start, stop = max(part.start - row, 0), min(part.stop - row, batch.num_rows)
            if start < stop:
                batches.append(batch.slice(start, stop - start))
            row += batch.num_rows
            if row >= part.stop:
                break
    table = pa.Table.from_batches(batches)
    return Rows(
        rows=np.arange(part.start, part.stop),
        values={name: as_bytes(table[name]) for name in wanted.plain},
        others=_others(table, wanted) if wanted.others else None,
    )


@contextmanager
def _opened(file: TableFile) -> Iterator[pq.ParquetFile]:
    with open_input(file) as stream:
        try:
            # A buffered stream holds one buffer a column; without it a whole row group would be fetched at once.
            yield pq.ParquetFile(stream, buffer_size=bytes_at_once(file), pre_buffer=False)
        except (pa.ArrowException, OSError) as error:
            raise DataError(f"{file.uri}: damaged: {_first_line(error)}") from error
        finally:
            # pyarrow's allocator keeps the freed pages of every column chunk: tens of megabytes more at the peak.
            pa.default_memory_pool().release_unused()


def _batches(parquet: pq.ParquetFile, groups: list[int], names: tuple[str, ...]) -> Iterator[pa.RecordBatch]:
    rows = sum(parquet.metadata.row_group(group).num_rows for group in groups)
    mean = max(_column_bytes(parquet, groups, names) // max(rows, 1), 64)
    size = max(READ_BYTES // mean, 1)
    return parquet.iter_batches(size, groups, list(names), use_threads=False)  # type: ignore[no-any-return]


def _text_bytes(parquet: pq.ParquetFile, wanted: Wanted) -> int:
    return _column_bytes(parquet, list(range(parquet.num_row_groups)), wanted.texts)


def _column_bytes(parquet: pq.ParquetFile, groups: list[int], names: tuple[str, ...]) -> int:
    """Bytes before compression; less than the decoded values where a dictionary repeats them."""
    total = 0
    for group in groups:
        metadata = parquet.metadata.row_group(group)
        for position in range(metadata.num_columns):
            column = metadata.column(position)
            if column.path_in_schema.partition(".")[0] in names or column.path_in_schema in names:
                total += column.total_uncompressed_size
    return total


def _require_type(file: TableFile, field: pa.Field, *, integers: bool, booleans: bool = False) -> None:
    value = _plain(field.type)
    text = pa.types.is_string(value) or pa.types.is_binary(value) or pa.types.is_null(value)
    taken = text or (integers and pa.types.is_integer(value)) or (booleans and pa.types.is_boolean(value))
    if not taken:
        expected = "text or integers" if integers else "text"
        raise UsageError(f"{file.uri}: column {field.name} holds {field.type}, expected {expected}")


def _plain(value: pa.DataType) -> pa.DataType:
    """The one type that stands for all ways to lay out the same values: what files of one corpus agree on."""
    if pa.types.is_dictionary(value):
        return _plain(value.value_type)
    if pa.types.is_large_string(value) or pa.types.is_string_view(value):
        return pa.string()
    if pa.types.is_large_binary(value) or pa.types.is_binary_view(value):
        return pa.binary()
    return value


def _others(table: pa.Table, wanted: Wanted) -> pa.Table:
    others = {}
    for name in wanted.others:
        if pa.types.is_string(_plain(table.schema.field(name).type)):
            # A cast to string would refuse the whole column for one invalid value: those are for validation to find.
            others[name] = as_bytes(table[name]).view(pa.large_string())
        else:
            others[name] = plain(table[name])
    return pa.table(others)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
