"""Rows of text files, found in blocks of bytes: what JSON Lines and CSV share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from featurestore.errors import DataError, UsageError
from tables.files import TableFile, bytes_at_once, open_input

Int64s = npt.NDArray[np.int64]

MAX_ROW_BYTES = 64 << 20
"""A longer row is taken for the sign of another kind of file."""

BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class RowSpans:
    """Where the rows lie in a block of bytes; blank lines are none.

    Attributes:
        starts: (n,) int64.
        stops: (n,) int64: exclusive, without the line end.
        numbers: (n,) int64: row numbers, counted from the block's first.
        span: row numbers that the block uses up.
        cells: (n,) int64: cells of each row, 0 where its quotes are broken; None where rows have no cells.
    """

    starts: Int64s
    stops: Int64s
    numbers: Int64s
    span: int
    cells: Int64s | None = None


@dataclass(frozen=True)
class ByteBlock:
    """Some whole rows of a file.

    Attributes:
        data: the bytes they lie in.
        offset: where these begin in the file.
        first_row: number of the block's first row.
        spans: where the rows lie in ``data``.
    """

    data: bytes
    offset: int
    first_row: int
    spans: RowSpans

    @property
    def rows(self) -> Int64s:
        """(n,) int64: row numbers in the file."""
        return self.spans.numbers + self.first_row

    @property
    def starts(self) -> Int64s:
        """(n,) int64: byte offsets of the rows in the file."""
        return self.spans.starts + self.offset

    def row_bytes(self, position: int) -> bytes:
        """One row, without its line end."""
        return self.data[self.spans.starts[position] : self.spans.stops[position]]


Split = Callable[[bytes, bool], tuple[RowSpans, int]]
"""Finds the whole rows in a block: (bytes, whether they are the last) → (rows, bytes they take up)."""


def read_blocks(
    file: TableFile, start: int, stop: int, first_row: int, split: Split, read_bytes: int | None = None
) -> Iterator[ByteBlock]:
    """Blocks of whole rows between two byte offsets, in bounded memory.

    Args:
        file: the file.
        start: byte offset of the first row.
        stop: byte offset behind the last row.
        first_row: number of the first row.
        split: finds the rows of the format.
        read_bytes: bytes read at once; None for `bytes_at_once`.

    Raises:
        DataError: the file cannot be read, or has changed.
        UsageError: a row has no end within `MAX_ROW_BYTES`; planning meets it before anything is created.
    """
    size = read_bytes or bytes_at_once(file)
    with open_input(file) as stream:
        stream.seek(start)
        rest = b""
        at = start
        while at < stop:
            piece = stream.read(min(size, stop - at))
            if not piece:
                raise DataError(f"{file.uri}: ends at byte {at:,}, expected {stop:,}; run again")
            at += len(piece)
            data = rest + piece
            spans, used = split(data, at == stop)
            rest = data[used:]
            if len(rest) > MAX_ROW_BYTES + size:
                raise UsageError(
                    f"{file.uri}: the row at byte {at - len(rest):,} has no end within {MAX_ROW_BYTES >> 20} MiB; "
                    "is the file what its ending says?"
                )
            if used:
                yield ByteBlock(data[:used] if rest else data, at - len(data), first_row, spans)
            first_row += spans.span


def data_start(file: TableFile) -> int:
    """Byte offset behind a UTF-8 byte order mark."""
    with open_input(file) as stream:
        return len(BYTE_ORDER_MARK) if stream.read(len(BYTE_ORDER_MARK)) == BYTE_ORDER_MARK else 0
