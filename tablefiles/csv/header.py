"""The header of a CSV file: names of its columns, and where its rows begin."""

from __future__ import annotations

import re
from dataclasses import dataclass

from encore.featurestore.errors import UsageError
from encore.tablefiles.contract import TO_THE_END
from encore.tablefiles.csv.dialect import Dialect
from encore.tablefiles.csv.records import CsvRecords
from encore.tablefiles.files import TableFile
from encore.tablefiles.text import BYTE_ORDER_MARK, HEAD_BYTES, ByteBlock, data_start, open_text, read_blocks

_SEPARATOR_LINE = re.compile(rb'"?sep=([^\r\n])"?', re.IGNORECASE)
"""A first line that tells Excel the delimiter."""


@dataclass(frozen=True)
class Header:
    """What stands before the rows.

    Attributes:
        dialect: how the file is written.
        names: names of the columns.
        stop: byte offset after the header.
    """

    dialect: Dialect
    names: list[str]
    stop: int


def read_header(file: TableFile) -> Header | None:
    """The header of a file; None where it holds nothing but blank lines.

    Raises:
        UsageError: its first line is no header.
        DataError: the file cannot be read.
    """
    dialect = Dialect.of(file)
    with open_text(file, HEAD_BYTES) as stream:
        start = data_start(stream.read(len(BYTE_ORDER_MARK)))
    with open_text(file, HEAD_BYTES) as stream:
        blocks = read_blocks(stream, file, start, TO_THE_END, 0, CsvRecords(dialect), HEAD_BYTES)
        found = ((block, record) for block in blocks for record in range(len(block.spans.starts)))
        first = next(found, None)
        if first is not None and (separator := _SEPARATOR_LINE.fullmatch(first[0].row_bytes(first[1]))):
            _require_delimiter(file, separator.group(1), dialect)
            first = next(found, None)
        return None if first is None else _header(file, dialect, *first)


def _require_delimiter(file: TableFile, said: bytes, dialect: Dialect) -> None:
    if said[0] != dialect.delimiter:
        shown = "tab" if said == b"\t" else repr(said.decode(errors="replace"))
        raise UsageError(
            f"{file.uri}: its first line says that {shown} separates cells; say --csv-delimiter {shown} "
            "(in Python csv_delimiter)"
        )


def _header(file: TableFile, dialect: Dialect, block: ByteBlock, record: int) -> Header:
    line = block.row_bytes(record)
    if b"\0" in line or line.startswith(b"PAR1"):
        raise UsageError(f"{file.uri}: not CSV in UTF-8: its first line holds binary data")
    if block.too_long or block.spans.cells is None or block.spans.cells[record] < 1:
        raise UsageError(f"{file.uri}: not CSV in UTF-8: its first line is no header (its quotes do not match)")
    cells, _ = dialect.cells(line, frozenset())
    try:
        names = [cell.value.decode() for cell in cells]
    except UnicodeDecodeError as error:
        raise UsageError(f"{file.uri}: not CSV in UTF-8: its first line is no header ({error})") from error
    return Header(dialect, names, block.offset + int(block.spans.stops[record]) + 1)
