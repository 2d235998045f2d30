r"""Records of CSV, found in blocks of bytes: quotes and line ends after RFC 4180, or with an escape.

pyarrow's CSV reader takes a cell such as ``"a"b`` for data, and also the lines between one quote too many and the next
quote. Here such a record is broken, and the lines that may belong to it are in doubt. These are the lines up to the
next quote that clearly opens or closes a cell, which shows whether they lie inside quotes. If they may, all of them are
one fault, and none is a row.

A record is also in doubt if it can be read with ``\"`` as a quote inside a cell, as Spark writes it, and the user has
named no escape. If only RFC 4180's reading is well-formed, as after a path that ends in a backslash, that reading
holds.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from encore.featurestore.common import Int64s
from encore.tablefiles.csv.dialect import BACKSLASH, QUOTE, Dialect
from encore.tablefiles.text import BYTE_ORDER_MARK, MAX_ROW_BYTES, ByteSpans, Skip

LF, CR = b"\n\r"

BROKEN, ESCAPED = 0, -1
"""In place of a record's number of cells: its quotes are broken; a backslash stands before a quote."""

_LINE_END = re.compile(rb"[\r\n]")
_QUOTES = re.compile(rb'"+')
_MARKED = re.compile(rb"(?:\A|[\r\n])" + BYTE_ORDER_MARK)
_MARKS = re.compile(b"(?:" + BYTE_ORDER_MARK + b")*")

FEW_LINES, SOME_LINES, SHARE_OF_ROWS = 3, 10, 0.9
"""This many lines with as many cells as the header are not text by chance. `FEW_LINES` is enough if nothing else is
known, `SOME_LINES` is needed against what quotes say. The share of such lines must be `SHARE_OF_ROWS`."""


@dataclass(frozen=True)
class CsvRecords:
    """Finds the records of a file; see `byte_ranges.Splitter`.

    Attributes:
        dialect: how the file is written.
        columns: cells of the header; 0 where it is not known yet.
    """

    dialect: Dialect
    columns: int = 0

    def split(self, data: bytes, final: bool) -> tuple[ByteSpans, int]:
        """Whole records of a block; blank lines are not records and take no number.

        Files that were joined have a byte order mark where one of them begins; it is no part of the record.
        """
        if BYTE_ORDER_MARK in data and _MARKED.search(data):
            return self._split_slowly(data, final)
        buffer = np.frombuffer(data, np.uint8)
        quotes = self._unescaped(buffer, np.flatnonzero(buffer == QUOTE))
        if quotes is None or not self._regular(buffer, quotes, final):
            return self._split_slowly(data, final)
        # A CR LF counts as two line ends, with an empty record between them that is dropped.
        ends = _outside(np.flatnonzero((buffer == LF) | (buffer == CR)), quotes)
        commas = _outside(np.flatnonzero(buffer == self.dialect.delimiter), quotes)
        if self.dialect.escape is not None and (buffer[ends[ends > 0] - 1] == self.dialect.escape).any():
            return self._split_slowly(data, final)
        used = int(ends[-1]) + 1 if len(ends) else 0
        if not final and len(data) - used > MAX_ROW_BYTES:
            return self._split_slowly(data, final)
        if final and used < len(data):
            ends, used = np.append(ends, len(data)), len(data)
        starts = np.concatenate([[0], ends[:-1] + 1]) if len(ends) else ends
        cells = np.searchsorted(commas, ends) - np.searchsorted(commas, starts) + 1
        records = ends > starts
        return _spans(starts[records], ends[records], cells[records]), used

    def skip(self, head: bytes) -> Skip:
        """See `byte_ranges.Splitter`: the end of a cell in quotes, or of the line."""
        _, cells, _ = self._record(head, 0)
        return _SkipRecord(self if cells == 0 else None)

    def _unescaped(self, buffer: npt.NDArray[np.uint8], quotes: Int64s) -> Int64s | None:
        """The quotes that nothing escapes; None where a backslash leaves that in doubt."""
        mark = self.dialect.mark
        if mark is None or not len(quotes):
            return quotes
        marked = buffer[np.maximum(quotes, 1) - 1] == mark
        marked[0] &= quotes[0] > 0
        if not marked.any():
            return quotes
        if self.dialect.strict:
            return None
        escaped = marked.copy()
        distance, going = 2, np.flatnonzero(marked)
        while len(going):
            at = quotes[going] - distance
            going = going[(at >= 0) & (buffer[np.maximum(at, 0)] == mark)]
            escaped[going] ^= True
            distance += 1
        return np.asarray(quotes[~escaped])

    def _regular(self, buffer: npt.NDArray[np.uint8], quotes: Int64s, final: bool) -> bool:
        """Whether counting quotes is enough: each opens a cell, closes one, or is half of a doubled one."""
        if not len(quotes):
            return True
        if final and len(quotes) % 2:
            return False
        opening, closing = quotes[::2], quotes[1::2]
        doubled = np.zeros(len(opening), bool)
        doubled[1:] = np.diff(quotes)[1::2][: len(opening) - 1] == 1
        opens = self._parts(buffer[np.maximum(opening, 1) - 1]) | doubled | (opening == 0)
        after = buffer[closing[closing + 1 < len(buffer)] + 1]
        return bool(opens.all() and (self._parts(after) | (after == QUOTE)).all())

    def _parts(self, bytes_: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
        return np.asarray((bytes_ == self.dialect.delimiter) | (bytes_ == LF) | (bytes_ == CR))

    def _split_slowly(self, data: bytes, final: bool) -> tuple[ByteSpans, int]:
        """The same cell by cell, for a block that has stray, broken or doubtful quotes."""
        records: list[tuple[int, int, int]] = []
        at = 0
        marked = False
        while at < len(data):
            behind = _behind_marks(data, at)
            marked |= behind > at
            at = behind
            if at == len(data):
                break
            stop, cells, ended = self._record(data, at)
            well = cells > 0
            if not ended and not final and not self._stays_open(data, at):
                break
            if self.dialect.strict and (cells == 0 or b'\\"' in data[at:stop]):
                escaped = self._reads_escaped(data, at, final)
                if escaped is None:
                    break
                cells = ESCAPED if escaped else cells
            if cells > 0 and self._escapes_line_end(data, at, stop):
                continues = self._continues(data, cells, stop, final)
                if continues is None:
                    break
                cells = BROKEN if continues else cells
            safe = stop + 1 if cells > 0 else self._resume(data, at, stop if well else None, final)
            if safe is None:
                break
            end = stop if cells > 0 else _without_line_end(data, at, safe)
            if end > at:
                records.append((at, end, cells))
            at = safe
        found = np.array(records, np.int64).reshape(-1, 3)
        return replace(_spans(found[:, 0], found[:, 1], found[:, 2]), plain=not marked), min(at, len(data))

    def _record(self, data: bytes, at: int) -> tuple[int, int, bool]:
        """The record at an offset: (stop, cells or 0 for broken quotes, whether that holds whatever follows)."""
        cells = 1
        cell, delimiter = self.dialect.cell, self.dialect.delimiter
        while True:
            match = cell.match(data, at)
            stop = at if match is None else match.end()
            if stop == len(data):
                return stop, cells, False
            if data[stop] in (LF, CR):
                return stop, cells, True
            if data[stop] != delimiter:
                # A quote that nothing closes yet, or something other than a delimiter after a closing quote.
                return len(data), 0, stop > at
            at, cells = stop + 1, cells + 1

    def _reads_escaped(self, data: bytes, at: int, final: bool) -> bool | None:
        """Whether a record is also well-formed if a backslash escapes quotes in it; None if more has to be seen."""
        stop, cells, ended = self._readings[-1]._record(data, at)  # noqa: SLF001 (of its own class)
        if not ended and not final and len(data) - at <= MAX_ROW_BYTES:
            return None
        return cells > 0 and cells == (self.columns or cells) and b'\\"' in data[at:stop]

    def _escapes_line_end(self, data: bytes, at: int, stop: int) -> bool:
        """Whether an escape stands before the line end, outside quotes: Python's writer may escape it so."""
        escape = self.dialect.escape
        if escape is None or stop == at or data[stop - 1] != escape:
            return False
        return (stop - at - len(data[at:stop].rstrip(bytes([escape])))) % 2 == 1

    def _continues(self, data: bytes, cells: int, stop: int, final: bool) -> bool | None:
        """Whether a record may continue after an escaped line end: with its next line its number of cells is right."""
        following = next(iter(_lines(data, stop, len(data))), None)
        if following is None:
            return None if not final else False
        _, more, ended = self._record(data, following[0])
        if not ended and not final:
            return None
        return cells != self.columns or more == 1

    def _stays_open(self, data: bytes, at: int) -> bool:
        """Whether an open quote will never be closed, because so many lines after it are rows."""
        return len(data) - at > MAX_ROW_BYTES and self._are_rows(data, _after_line(data, at), None, SOME_LINES)

    def _resume(self, data: bytes, at: int, stop: int | None, final: bool) -> int | None:
        """Where a record can begin again after a broken or doubtful one; None if more has to be seen."""
        behind = self._least(data, at, stop, final)
        if behind is None:
            return None
        for run in _QUOTES.finditer(data, behind):
            opens, closes = self._signs(data, run.start(), run.end(), final)
            if opens is None:
                return None
            if opens or (closes and self._are_rows(data, behind, run.start(), SOME_LINES)):
                return behind
            if closes:
                return self._behind_cell(data, run.end(), final)
        if not final:
            return behind if self._stays_open(data, at) else None
        closed = stop is None and len(self._unescaped_in(data, at, behind)) % 2 == 0
        return min(behind, len(data)) if closed or self._are_rows(data, behind, None, FEW_LINES) else len(data)

    def _least(self, data: bytes, at: int, stop: int | None, final: bool) -> int | None:
        """The end of a broken record's first line, or of the record by another reading if that is later.

        None if more bytes have to be seen.
        """
        behind = _after_line(data, at) if stop is None else stop + 1
        for reading in self._readings[1:]:
            other, cells, ended = reading._record(data, at)  # noqa: SLF001 (of its own class)
            if not ended and not final and len(data) - at <= MAX_ROW_BYTES:
                return None
            behind = max(behind, other + 1 if cells > 0 else 0)
        return behind

    def _signs(self, data: bytes, start: int, stop: int, final: bool) -> tuple[bool | None, bool]:
        """Whether some successive quotes show that they open a cell (None: more has to be seen), or close one."""
        if stop == len(data) and not final:
            return None, False
        if (stop - start - self._is_escaped(data, start)) % 2 == 0:
            return False, False
        ends = self._is_end(data, stop)
        if self._is_end(data, start - 1) and not ends:
            return self._opens(data, start, final), False
        return False, ends

    def _behind_cell(self, data: bytes, at: int, final: bool) -> int | None:
        """Where a record can begin after one whose cell ends here."""
        if at >= len(data) or data[at] != self.dialect.delimiter:
            return min(at + 1, len(data))
        stop, cells, ended = self._record(data, at + 1)
        if not ended and not final:
            return None
        return min(stop + 1, len(data)) if cells > 0 else self._resume(data, at + 1, None, final)

    def _opens(self, data: bytes, quote: int, final: bool) -> bool | None:
        """Whether a quote opens a cell: its line begins a record, by quotes that are doubled or escaped."""
        line = max(data.rfind(b"\n", 0, quote), data.rfind(b"\r", 0, quote)) + 1
        for reading in self._readings:
            stop, cells, ended = reading._record(data, line)  # noqa: SLF001 (of its own class)
            if not ended and not final:
                return None
            if cells > 0 and stop > quote and cells == (self.columns or cells):
                return True
        return False

    @cached_property
    def _readings(self) -> tuple[CsvRecords, ...]:
        if not self.dialect.strict:
            return (self,)
        return (self, replace(self, dialect=replace(self.dialect, escape=BACKSLASH, strict=False)))

    def _is_end(self, data: bytes, at: int) -> bool:
        return at < 0 or at >= len(data) or data[at] in (LF, CR, self.dialect.delimiter)

    def _is_escaped(self, data: bytes, quote: int) -> bool:
        mark = self.dialect.mark
        return mark is not None and quote > 0 and data[quote - 1] == mark

    def _unescaped_in(self, data: bytes, start: int, stop: int) -> list[int]:
        return [at for at in range(start, min(stop, len(data))) if data[at] == QUOTE and not self._is_escaped(data, at)]

    def _are_rows(self, data: bytes, start: int, stop: int | None, least: int) -> bool:
        """Whether lines are rows by the number of their cells; without a stop those up to the end of the data."""
        if self.columns < 2:
            return not self.columns
        lines = _lines(data, start, len(data) if stop is None else stop)
        if stop is not None:
            # The last of them holds the quote that the others are judged against.
            lines = lines[:-1]
        whole = sum(data.count(self.dialect.delimiter, first, last) + 1 == self.columns for first, last in lines)
        return len(lines) >= least and whole >= SHARE_OF_ROWS * len(lines)


class _SkipRecord:
    """Passes over one record."""

    rows = 1

    def __init__(self, quoted: CsvRecords | None) -> None:
        self._quoted = quoted

    def find(self, data: bytes, final: bool) -> tuple[int, bool]:
        """See `byte_ranges.Skip`."""
        if self._quoted is None:
            end = _LINE_END.search(data)
            return (len(data), final) if end is None else (end.end(), True)
        for run in _QUOTES.finditer(data):
            if run.end() == len(data) and not final:
                return run.start(), False
            closes = len(run.group()) % 2 == 1 and run.start() > 0
            if closes and not self._quoted._is_escaped(data, run.start()) and self._quoted._is_end(data, run.end()):  # noqa: SLF001
                behind = self._quoted._behind_cell(data, run.end(), final)  # noqa: SLF001
                return (run.start(), False) if behind is None else (behind, True)
        # One byte is left: a quote that follows has to be seen together with it.
        return (len(data), True) if final else (max(len(data) - 1, 0), False)


def _spans(starts: Int64s, stops: Int64s, cells: Int64s) -> ByteSpans:
    return ByteSpans(starts, stops, np.arange(len(starts)), len(starts), cells)


def _outside(positions: Int64s, quotes: Int64s) -> Int64s:
    """The positions with an even number of quotes before them."""
    return positions[np.searchsorted(quotes, positions) % 2 == 0] if len(quotes) else positions


def _behind_marks(data: bytes, at: int) -> int:
    match = _MARKS.match(data, at)
    return at if match is None else match.end()


def _after_line(data: bytes, at: int) -> int:
    end = _LINE_END.search(data, at)
    return len(data) if end is None else end.end()


def _without_line_end(data: bytes, start: int, stop: int) -> int:
    return start + len(data[start:stop].rstrip(b"\r\n"))


def _lines(data: bytes, start: int, stop: int) -> list[tuple[int, int]]:
    """Where the lines between two offsets lie, blank ones left out."""
    ends = [match.start() for match in _LINE_END.finditer(data, start, stop)]
    bounds = zip([start, *(end + 1 for end in ends)], [*ends, stop], strict=True)
    return [(first, last) for first, last in bounds if last > first]
