"""Records of CSV, found in blocks of bytes: quotes and line ends after RFC 4180.

pyarrow's CSV reader takes a cell such as ``"a"b``, and the lines between one quote too many and the next, for data.
Here such a record is broken: its first line is rejected, and reading goes on with the next line.
"""

from __future__ import annotations

import re

import numpy as np
import numpy.typing as npt

from tables.text.byte_ranges import MAX_ROW_BYTES, Int64s, RowSpans

LF, CR, COMMA, QUOTE = b'\n\r,"'

_CELL = re.compile(rb'"[^"]*+(?:""[^"]*+)*+"|[^",\r\n][^,\r\n]*+|')
"""A quoted cell, a bare one (quotes inside it are data), or an empty one; possessive, so that it never backtracks."""

_LINE_END = re.compile(rb"[\r\n]")


def split_records(data: bytes, final: bool) -> tuple[RowSpans, int]:
    """Whole records of a block; blank lines are none and take no number. See `byte_ranges.Split`."""
    buffer = np.frombuffer(data, np.uint8)
    quotes = np.flatnonzero(buffer == QUOTE)
    if not _regular(buffer, quotes, final):
        return _split_slowly(data, final)
    # A CR LF is two line ends with an empty record between them, which is none.
    ends = _outside(np.flatnonzero((buffer == LF) | (buffer == CR)), quotes)
    used = int(ends[-1]) + 1 if len(ends) else 0
    if final and used < len(data):
        ends, used = np.append(ends, len(data)), len(data)
    starts = np.concatenate([[0], ends[:-1] + 1]) if len(ends) else ends
    if (ends - starts > MAX_ROW_BYTES).any() or len(data) - used > MAX_ROW_BYTES:
        return _split_slowly(data, final)
    commas = _outside(np.flatnonzero(buffer == COMMA), quotes)
    cells = np.searchsorted(commas, ends) - np.searchsorted(commas, starts) + 1
    records = ends > starts
    return _spans(starts[records], ends[records], cells[records]), used


def _spans(starts: Int64s, stops: Int64s, cells: Int64s) -> RowSpans:
    return RowSpans(starts, stops, np.arange(len(starts)), len(starts), cells)


def _outside(positions: Int64s, quotes: Int64s) -> Int64s:
    """The positions with an even number of quotes before them."""
    return positions[np.searchsorted(quotes, positions) % 2 == 0] if len(quotes) else positions


def _regular(buffer: npt.NDArray[np.uint8], quotes: Int64s, final: bool) -> bool:
    """Whether counting quotes is enough: each opens a cell, closes one, or is half of a doubled one."""
    if not len(quotes):
        return True
    if final and len(quotes) % 2:
        return False
    opening, closing = quotes[::2], quotes[1::2]
    before = buffer[opening[opening > 0] - 1]
    after = buffer[closing[closing + 1 < len(buffer)] + 1]
    starts_cell = (before == COMMA) | (before == LF) | (before == CR) | (before == QUOTE)
    ends_cell = (after == COMMA) | (after == LF) | (after == CR) | (after == QUOTE)
    return bool(starts_cell.all() and ends_cell.all())


def _split_slowly(data: bytes, final: bool) -> tuple[RowSpans, int]:
    """The same cell by cell, for a block that has stray or broken quotes."""
    records: list[tuple[int, int, int]] = []
    at = 0
    while at < len(data):
        stop, cells, ended = _record(data, at)
        if not ended and not final and len(data) - at <= MAX_ROW_BYTES:
            break
        # The limit is part of what a record is, so that every pass over the file cuts it alike.
        if cells == 0 or stop - at > MAX_ROW_BYTES:
            line_end = _LINE_END.search(data, at)
            if line_end is None and not final:
                break
            stop, cells = len(data) if line_end is None else line_end.start(), 0
        if stop > at:
            records.append((at, stop, cells))
        at = stop + 1
    found = np.array(records, np.int64).reshape(-1, 3)
    return _spans(found[:, 0], found[:, 1], found[:, 2]), min(at, len(data))


def _record(data: bytes, at: int) -> tuple[int, int, bool]:
    """The record at an offset: (its stop, its cells or 0 for broken quotes, whether that holds whatever follows)."""
    cells = 1
    while True:
        match = _CELL.match(data, at)
        stop = at if match is None else match.end()
        if stop == len(data):
            return stop, cells, False
        if data[stop] in (LF, CR):
            return stop, cells, True
        if data[stop] != COMMA:
            # A quote that nothing closes yet, or something other than a comma behind a closing quote.
            return len(data), 0, stop > at
        at, cells = stop + 1, cells + 1
