"""Rows of text files, found in blocks of bytes: what JSON and CSV share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from encore.featurestore.common import Int64s
from encore.featurestore.errors import DataError
from encore.tablefiles.contract import TO_THE_END
from encore.tablefiles.files import TableFile, bytes_at_once
from encore.tablefiles.text.streams import BYTE_ORDER_MARK, TextStream

MAX_ROW_BYTES = 64 << 20
"""A longer row is not read: it is one fault, and reading continues after it."""

TOO_LONG = f"row over {MAX_ROW_BYTES >> 20} MiB"


@dataclass(frozen=True)
class ByteSpans:
    """Where the rows lie in a block of bytes; blank lines are not rows.

    Attributes:
        starts: (n,) int64.
        stops: (n,) int64: exclusive, without the line end.
        numbers: (n,) int64: row numbers, counted from the block's first.
        span: row numbers that the block uses up.
        cells: (n,) int64: cells of each row, 0 or less where the number is unknown; None where rows have no cells.
        plain: whether each row lies in one line, with nothing but white space around it.
    """

    starts: Int64s
    stops: Int64s
    numbers: Int64s
    span: int
    cells: Int64s | None = None
    plain: bool = True

    def take(self, rows: slice, origin: int) -> ByteSpans:
        """Some successive rows, of the bytes from ``origin`` on; ``span`` stays."""
        cells = None if self.cells is None else self.cells[rows]
        return replace(
            self,
            starts=self.starts[rows] - origin,
            stops=self.stops[rows] - origin,
            numbers=self.numbers[rows],
            cells=cells,
        )


@dataclass(frozen=True)
class ByteBlock:
    """Some whole rows of a file.

    Attributes:
        data: the bytes they lie in.
        offset: where these begin in the file.
        first_row: number of the block's first row.
        spans: where the rows lie in ``data``.
        too_long: whether this is one row over `MAX_ROW_BYTES`; ``data`` is empty then.
    """

    data: bytes
    offset: int
    first_row: int
    spans: ByteSpans
    too_long: bool = False

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


class Skip(Protocol):
    """What finds the end of a row that is too long to be held."""

    def find(self, data: bytes, final: bool) -> tuple[int, bool]:
        """Look on in the bytes that follow: (how many are passed over, whether a row can begin after them)."""
        ...

    @property
    def rows(self) -> int:
        """Row numbers that the bytes passed over use up."""
        ...


class Splitter(Protocol):
    """How a format finds its rows; the same bytes always give the same rows, however they arrive."""

    def split(self, data: bytes, final: bool) -> tuple[ByteSpans, int]:
        """The whole rows in bytes that begin with a row, and the bytes they take up; ``final``: no more will come."""
        ...

    def skip(self, head: bytes) -> Skip:
        """How to continue after a row that begins with ``head`` and has no end within `MAX_ROW_BYTES`."""
        ...


def read_blocks(
    stream: TextStream, file: TableFile, start: int, stop: int, first_row: int, splitter: Splitter, at_once: int = 0
) -> Iterator[ByteBlock]:
    """Blocks of whole rows between two byte offsets, in bounded memory.

    Args:
        stream: the file's text; it is left where the blocks end.
        file: the file.
        start: byte offset of the first row.
        stop: byte offset after the last row, or `TO_THE_END`.
        first_row: number of the first row.
        splitter: finds the rows of the format.
        at_once: bytes read at once; `bytes_at_once` unless given.

    A row that begins before the stop is read to its end, with the bytes that show where it ends.

    Raises:
        DataError: the file cannot be read, or has changed.
    """
    size = at_once or bytes_at_once(file)
    data = rest = b""
    at, final = start, start >= min(stop, stream.size)
    skip: Skip | None = None
    stream.seek(start)
    while not final and (at < stop or (rest and at - len(rest) < stop)):
        # Each read doubles what is held of a long row, since the row is searched from its beginning each time. After
        # the stop, as much is read as is needed to find the end of the last row, just as if the whole file were read.
        wanted = min(max(size, len(rest)), (min(stop, stream.size) if at < stop else stream.size) - at)
        piece = stream.read(wanted)
        at += len(piece)
        if len(piece) < wanted and stream.size < TO_THE_END:
            raise DataError(
                f"{file.uri}: ends at byte {at:,}, expected {min(stop, stream.size):,}; run the command again"
            )
        final = at == stream.size or len(piece) < wanted
        data = rest + piece if rest else piece
        if skip is not None:
            used, found = skip.find(data, final)
            rest = data = data[used:]
            if not found:
                continue
            first_row += skip.rows
            skip = None
        spans, used = splitter.split(data, final)
        rest = data[used:]
        if used:
            block = ByteBlock(data[:used] if rest else data, at - len(data), first_row, spans)
            yield from _without_long_rows(_before(block, stop))
        first_row += spans.span
        if len(rest) > MAX_ROW_BYTES and not final and at - len(rest) < stop:
            yield _too_long(at - len(rest), first_row, spans)
            skip = splitter.skip(rest)
            used, found = skip.find(rest, False)
            rest = rest[used:]
            if found:
                first_row += skip.rows
                skip = None
    if at > stop:
        stream.unread(data[len(data) - (at - stop) :])


def _before(block: ByteBlock, stop: int) -> ByteBlock:
    """The rows of a block that begin before an offset."""
    if block.offset + len(block.data) <= stop:
        return block
    rows = int(np.searchsorted(block.starts, stop))
    end = int(block.spans.stops[rows - 1]) if rows else 0
    return replace(block, data=block.data[:end], spans=block.spans.take(slice(0, rows), 0))


def data_start(head: bytes) -> int:
    """Byte offset after a UTF-8 byte order mark, if a file begins with one; otherwise 0."""
    return len(BYTE_ORDER_MARK) if head.startswith(BYTE_ORDER_MARK) else 0


def _without_long_rows(block: ByteBlock) -> Iterator[ByteBlock]:
    """A block, with each row over the limit by itself: whether a row is one must not depend on how bytes arrive."""
    spans = block.spans
    long = np.flatnonzero(spans.stops - spans.starts > MAX_ROW_BYTES).tolist()
    if not long:
        yield block
        return
    at = 0
    for row in [*long, len(spans.starts)]:
        if row > at:
            origin, end = int(spans.starts[at]), int(spans.stops[row - 1])
            part = spans.take(slice(at, row), origin)
            yield ByteBlock(block.data[origin:end], block.offset + origin, block.first_row, part)
        if row < len(spans.starts):
            number = block.first_row + int(spans.numbers[row])
            yield _too_long(block.offset + int(spans.starts[row]), number, spans)
        at = row + 1


def _too_long(offset: int, number: int, like: ByteSpans) -> ByteBlock:
    nothing = np.zeros(1, np.int64)
    spans = ByteSpans(nothing, nothing, nothing, 1, None if like.cells is None else nothing)
    return ByteBlock(b"", offset, number, spans, too_long=True)
