"""Corpus files in CSV (RFC 4180, comma, UTF-8, with a header): units are byte ranges that end between records."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv as pacsv

from featurestore.errors import DataError, UsageError
from tables.contract import Fault, KeyBlock, Part, Rows, Wanted
from tables.files import TableFile, open_input
from tables.text.byte_ranges import BYTE_ORDER_MARK, ByteBlock, data_start, read_blocks
from tables.text.csv_records import split_records

HEADER_BYTES = 64 << 10


@dataclass(frozen=True)
class CsvFiles:
    """CSV: every cell is text, and an empty one is empty text, never null; a row is a record after the header.

    Nothing is inferred: an id ``007`` stays ``007``, and the word ``null`` is a word.
    """

    name: ClassVar[str] = "csv"
    endings: ClassVar[tuple[str, ...]] = (".csv",)

    def check(self, file: TableFile, wanted: Wanted) -> pa.Schema:
        """See `TableFormat.check`."""
        names = _read_header(file).names
        if len(names) == 1 and any(mark in names[0] for mark in ";\t|"):
            raise UsageError(f"{file.uri}: the header {names[0]!r} has no comma; separate cells by commas")
        wanted.require(file.uri, names)
        return pa.schema([pa.field(name, pa.string()) for name in wanted.others])

    def scan(self, file: TableFile, wanted: Wanted) -> Iterator[KeyBlock]:
        """See `TableFormat.scan`."""
        header = _read_header(file)
        for block in read_blocks(file, header.stop, file.bytes, 0, split_records):
            whole = _whole(block, header)
            ids = _parse(block, whole, header, (wanted.key,))[wanted.key]
            if not whole.all():
                origin = np.where(whole, np.cumsum(whole) - 1, -1)
                ids = ids.take(pa.array(origin, mask=~whole))
            yield KeyBlock(ids, block.rows, block.starts, len(block.data))

    def split_points(self, file: TableFile) -> None:
        """See `TableFormat.split_points`."""

    def read(self, file: TableFile, parts: Sequence[Part], wanted: Wanted) -> Iterator[Rows]:
        """See `TableFormat.read`."""
        header = _read_header(file)
        wanted.require(file.uri, header.names)
        for part in parts:
            blocks = read_blocks(file, part.start, part.stop, part.first_row, split_records)
            yield Rows.concatenate([_read_block(block, header, wanted) for block in blocks])


def ends_in_line_end(file: TableFile) -> bool:
    """Whether the last record is ended: RFC 4180 does not ask for it, but a file that was cut need not show it else."""
    with open_input(file) as stream:
        stream.seek(file.bytes - 1)
        return bytes(stream.read(1)) in (b"\n", b"\r")


@dataclass(frozen=True)
class _Header:
    """Column names, and the byte offset behind them."""

    names: list[str]
    stop: int


def _read_header(file: TableFile) -> _Header:
    start = data_start(file)
    blocks = read_blocks(file, start, file.bytes, 0, split_records, HEADER_BYTES)
    block = next((block for block in blocks if len(block.spans.starts)), None)
    if block is None:
        raise UsageError(f"{file.uri}: no CSV header: the file is empty")
    line = block.row_bytes(0)
    try:
        names = next(csv.reader([line.decode()], strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"{file.uri}: not CSV in UTF-8: its first line is no header ({error})") from error
    if "\0" in line.decode() or line.startswith(b"PAR1"):
        raise UsageError(f"{file.uri}: not CSV in UTF-8: its first line holds binary data")
    return _Header(names, block.offset + int(block.spans.stops[0]) + 1)


def _whole(block: ByteBlock, header: _Header) -> npt.NDArray[np.bool_]:
    """(n,) bool: which records have a cell for each column."""
    return np.asarray(block.spans.cells == len(header.names))


def _parse(
    block: ByteBlock, whole: npt.NDArray[np.bool_], header: _Header, names: tuple[str, ...]
) -> dict[str, pa.Array]:
    """Column name → large binary, for the whole records of a block."""
    if not whole.any():
        return {name: pa.array([], pa.large_binary()) for name in names}
    data = block.data
    if not whole.all():
        data = b"\n".join(block.row_bytes(position) for position in np.flatnonzero(whole).tolist())
    # Positions stand for names: other columns may share one. pyarrow skips a byte order mark, which here is data.
    labels = [str(position) for position in range(len(header.names))]
    wanted = [str(header.names.index(name)) for name in names]
    table = pacsv.read_csv(
        pa.BufferReader(b"\n" + data if data.startswith(BYTE_ORDER_MARK) else data),
        read_options=pacsv.ReadOptions(use_threads=False, block_size=len(data) + 2, column_names=labels),
        parse_options=pacsv.ParseOptions(newlines_in_values=True),
        convert_options=pacsv.ConvertOptions(
            column_types=dict.fromkeys(wanted, pa.large_binary()),
            include_columns=wanted,
            null_values=[],
            strings_can_be_null=False,
        ),
    )
    if table.num_rows != whole.sum():
        raise DataError(f"record {block.first_row:,} and on: pyarrow reads {table.num_rows} of {whole.sum()} records")
    columns = (table[label].combine_chunks() for label in wanted)
    return dict(zip(names, columns, strict=True))


def _read_block(block: ByteBlock, header: _Header, wanted: Wanted) -> Rows:
    whole = _whole(block, header)
    values = _parse(block, whole, header, wanted.names)
    others = {name: values[name].view(pa.large_string()) for name in wanted.others}
    return Rows(
        rows=block.rows[whole],
        values={name: values[name] for name in (wanted.key, *wanted.texts)},
        others=pa.table(others) if wanted.others else None,
        faults=_faults(block, whole, header),
    )


def _faults(block: ByteBlock, whole: npt.NDArray[np.bool_], header: _Header) -> tuple[Fault, ...]:
    cells = block.spans.cells
    if cells is None or whole.all():
        return ()
    faults = []
    for position in np.flatnonzero(~whole).tolist():
        counted = f"{cells[position]} cells, expected {len(header.names)}"
        what = counted if cells[position] else "its quotes do not match"
        faults.append(Fault(int(block.rows[position]), None, f"malformed CSV row: {what}"))
    return tuple(faults)
