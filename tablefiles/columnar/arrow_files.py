"""Corpus files in Arrow IPC (Feather 2), the file and the stream format: units are row ranges."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.ipc

from encore.featurestore.common import Int64s, first_line
from encore.featurestore.errors import UsageError
from encore.tablefiles.columnar.batches import DAMAGE, NumberedBatches, damage_named, read_parts
from encore.tablefiles.columnar.parquet_sizes import FINE_BYTES
from encore.tablefiles.columnar.types import check_schema, is_text, plain_type
from encore.tablefiles.contract import ColumnSelection, KeyBlock, Part, Rows
from encore.tablefiles.files import TableFile, open_input, version_of
from encore.tablefiles.values import as_bytes, byte_lengths

FILE_MAGIC = b"ARROW1"
FEATHER_1_MAGIC = b"FEA1"
FILES_KEPT = 64
"""Number of files whose batch lengths a process keeps in memory."""


@dataclass(frozen=True)
class ArrowFiles:
    """Arrow IPC: types as in Parquet. The wanted columns of a record batch are read as a whole.

    The format has no checksums. A read checks only that values lie within their buffers.
    """

    name: ClassVar[str] = "arrow"
    endings: ClassVar[tuple[str, ...]] = (".arrow", ".feather", ".ipc")
    compressed_inside: ClassVar[bool] = True

    def ends_whole(self, file: TableFile) -> bool:
        """True: its footer is at the end, and a stream says where it ends."""
        del file
        return True

    def check(self, file: TableFile, wanted: ColumnSelection) -> None:
        """See `TableFormat.check`; a column of another type than text (or integers, for ids) is refused as well."""
        with open_input(file) as stream:
            if stream.read(len(FEATHER_1_MAGIC)) == FEATHER_1_MAGIC:
                raise UsageError(f"{file.uri}: Feather version 1, which is not read; write version 2, or Parquet")
            stream.seek(0)
            try:
                schema = _open(stream, None).schema
                _ = schema.names
            except DAMAGE as error:
                raise UsageError(f"{file.uri}: not an Arrow IPC file, or a damaged one: {first_line(error)}") from error
        check_schema(file.uri, schema, wanted)

    def scan(self, file: TableFile, wanted: ColumnSelection) -> Iterator[KeyBlock]:
        """See `TableFormat.scan`; reads the wanted columns, since no header tells their sizes."""
        for row, batch in _batches(file, wanted.names):
            sizes = np.cumsum(_value_bytes(batch, wanted.names))
            ends = np.append(np.flatnonzero(np.diff(sizes // FINE_BYTES)), batch.num_rows - 1) + 1
            keys = as_bytes(batch[wanted.key])
            start = 0
            for stop in ends.tolist():
                size = int(sizes[stop - 1] - (sizes[start - 1] if start else 0))
                yield KeyBlock(keys.slice(start, stop - start), np.arange(row + start, row + stop), None, size)
                start = stop

    def split_points(self, file: TableFile) -> Int64s:
        """See `TableFormat.split_points`: record batches; a stream is read from its start."""
        with damage_named(file), open_input(file) as stream:
            if not _is_file(_open(stream, None)):
                return np.zeros(1, np.int64)
        return np.cumsum([0, *_batch_rows(file)[:-1]])

    def read(self, file: TableFile, parts: Sequence[Part], wanted: ColumnSelection) -> Iterator[Rows]:
        """See `TableFormat.read`."""
        with damage_named(file):
            yield from read_parts(file, _batches(file, wanted.names, parts[0].start), parts, wanted)


def _batches(file: TableFile, names: tuple[str, ...], start: int = 0) -> NumberedBatches:
    """Record batches, checked to be sound, from the one that holds row ``start``; a stream's from its first."""
    with damage_named(file), open_input(file) as stream:
        schema = _open(stream, None).schema
        stream.seek(0)
        reader = _open(stream, [schema.get_field_index(name) for name in names])
        first = row = 0
        if start and _is_file(reader):
            ends = np.cumsum(_batch_rows(file))
            first = int(np.searchsorted(ends, start, side="right"))
            row = int(ends[first - 1]) if first else 0
        batches = map(reader.get_batch, range(first, reader.num_record_batches)) if _is_file(reader) else reader
        for batch in batches:
            if batch.num_rows:
                _require_sound(batch)
                yield row, batch
            row += batch.num_rows


def _batch_rows(file: TableFile) -> tuple[int, ...]:
    """Rows of each record batch; kept in memory, since each work unit of the file asks for them."""
    with damage_named(file):
        return _count_rows(file, version_of(file))


@lru_cache(FILES_KEPT)
def _count_rows(file: TableFile, version: str) -> tuple[int, ...]:
    """Read the batches of one column: a primitive one if there is one, since it is cheap to read."""
    del version
    with damage_named(file), open_input(file) as stream:
        fields = list(_open(stream, None).schema)
        position = next((at for at, field in enumerate(fields) if pa.types.is_primitive(field.type)), 0)
        stream.seek(0)
        reader = _open(stream, [position])
        return tuple(reader.get_batch(number).num_rows for number in range(reader.num_record_batches))


def _open(stream: pa.NativeFile, fields: list[int] | None) -> pa.RecordBatchReader | pa.RecordBatchFileReader:
    """A reader of some columns, of whichever of the two formats begins here."""
    options = pa.ipc.IpcReadOptions(included_fields=fields, use_threads=False)
    is_file = stream.read(len(FILE_MAGIC)) == FILE_MAGIC
    stream.seek(0)
    return pa.ipc.open_file(stream, options=options) if is_file else pa.ipc.open_stream(stream, options=options)


def _is_file(reader: pa.RecordBatchReader | pa.RecordBatchFileReader) -> bool:
    return isinstance(reader, pa.ipc.RecordBatchFileReader)


def _require_sound(batch: pa.RecordBatch) -> None:
    """Raise ArrowInvalid where an offset, an index or a run end leads out of its buffer."""
    for column in batch.columns:
        _as_binary(column).validate(full=True)


def _as_binary(column: pa.Array) -> pa.Array:
    """Text as bytes: invalid UTF-8 is a fault of a row, not of the file."""
    if isinstance(column.type, pa.BaseExtensionType):
        return _as_binary(column.storage)
    if pa.types.is_dictionary(column.type):
        return pa.DictionaryArray.from_arrays(column.indices, _as_binary(column.dictionary), safe=False)
    views = {pa.string(): pa.binary(), pa.large_string(): pa.large_binary(), pa.string_view(): pa.binary_view()}
    target = views.get(column.type)
    return column if target is None else column.view(target)


def _value_bytes(batch: pa.RecordBatch, names: Sequence[str]) -> Int64s:
    """(n,) int64: bytes of the wanted values of each row; for nested values their mean."""
    total = np.zeros(batch.num_rows, np.int64)
    for name in names:
        column = batch[name]
        total += byte_lengths(column) if is_text(plain_type(column.type)) else -(-column.nbytes // batch.num_rows)
    return total
