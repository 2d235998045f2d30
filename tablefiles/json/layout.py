"""Objects of JSON files, found in blocks of bytes: one a line, one over several lines, or elements of an array.

A line that begins and ends with an object's braces is a row without another look, so that JSON Lines cost a few
vectorised passes. What begins an object and does not end it is followed by Python's JSON scanner to its end.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

import numpy as np

from encore.featurestore.common import Int64s
from encore.tablefiles.json.rows import CLOSE, JSON_SPACE, OPEN, split_lines
from encore.tablefiles.text import BYTE_ORDER_MARK, ByteSpans, Skip

_BEGINNING = re.compile(rb"(?:\xef\xbb\xbf|[ \t\r\n])*")
_FIRST_ELEMENT = re.compile(rb"\[(?:[ \t\r]*\n)*([ \t]*)(?=[^ \t\r\n])")
_BETWEEN = re.compile(rb"(?:\xef\xbb\xbf|[ \t\r\n,\[\]])*")
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*+"|[{}\[\]"]', re.DOTALL)
_SCALAR = re.compile(rb"[^,\[\]\n]*")

_LITERAL_BYTES = 16
"""A scanner that stops so close to the end may just lack the rest of a word or an escape."""

_INDENT_BYTES = 1 << 12
"""No object is indented further."""

_SCAN = json.JSONDecoder(parse_int=float).raw_decode
# Integers of any length; none of the values is kept.


@dataclass(frozen=True)
class JsonLayout:
    """How the objects of a file lie in it.

    Attributes:
        array: whether they are elements of an array.
        indent: what stands before an object at the beginning of a line; None where the first one begins elsewhere.
    """

    array: bool = False
    indent: bytes | None = b""

    @classmethod
    def of(cls, head: bytes) -> JsonLayout:
        """From the first bytes of a file."""
        at = _beginning(head)
        if head[at : at + 1] == b"[":
            first = _FIRST_ELEMENT.match(head, at)
            lines = first is not None and b"\n" in first.group()
            return cls(True, first.group(1) if first is not None and lines else None)
        return cls(False, head[head.rfind(b"\n", 0, at) + 1 : at].removeprefix(BYTE_ORDER_MARK))

    def splitter(self) -> ObjectRows | ElementRows:
        """What finds the rows."""
        return ElementRows(self.indent) if self.array else ObjectRows(self.indent or b"")


class ObjectRows:
    """JSON Lines, or objects that span lines; rows are numbered by the lines they begin in."""

    def __init__(self, indent: bytes) -> None:
        self._next = re.compile(rb"\n" + re.escape(indent) + rb"(?=\{)")

    def split(self, data: bytes, final: bool) -> tuple[ByteSpans, int]:
        """See `byte_ranges.Splitter`."""
        spans, used = split_lines(data, final)
        if not self._open(data, spans):
            return spans, used
        return self._split_slowly(data, final)

    def skip(self, head: bytes) -> Skip:
        """See `byte_ranges.Splitter`: one long line ends with it, an object over lines where the next one begins."""
        return _SkipLines(self._next if b"\n" in head else re.compile(rb"\n"))

    @staticmethod
    def _open(data: bytes, spans: ByteSpans) -> bool:
        """Whether any line begins an object without ending it."""
        if not len(spans.starts):
            return False
        buffer = np.frombuffer(data, np.uint8)
        return bool(((buffer[spans.starts] == OPEN) & (buffer[spans.stops - 1] != CLOSE)).any())

    def _split_slowly(self, data: bytes, final: bool) -> tuple[ByteSpans, int]:
        text = data.decode("latin-1")
        rows: list[tuple[int, int, int]] = []
        at = line = 0
        while at < len(data):
            end = data.find(b"\n", at)
            if end < 0 and not final:
                break
            end = len(data) if end < 0 else end
            start = at + _beginning(data[at:end])
            stop = start + len(data[start:end].rstrip(JSON_SPACE))
            if stop > start and data[start] == OPEN and data[stop - 1] != CLOSE:
                found = self._object(data, text, start, end, final)
                if found is None:
                    break
                stop = found or stop
            following, lines = end + 1, 1
            if stop > end:
                rest = data.find(b"\n", stop)
                rest = len(data) if rest < 0 else rest
                following, lines = stop, data.count(b"\n", at, stop)
                # After an object that ends within a line, the next one may begin.
                if not data[stop:rest].strip(JSON_SPACE):
                    if rest == len(data) and not final:
                        break
                    following, lines = rest + 1, lines + 1
            if stop > start:
                rows.append((start, stop, line))
            at, line = following, line + lines
        return _spans(rows, line), min(at, len(data))

    def _object(self, data: bytes, text: str, start: int, end: int, final: bool) -> int | None:
        """The stop of an object that goes beyond its line; 0 if it ends with the line, None if more has to be seen."""
        complete, stop = _scan(text, start)
        if complete:
            return stop if stop > end else 0
        follows = end + _beginning(data[end:])
        if stop <= follows < len(data):
            return 0
        if _needs_more(text, stop) and not final:
            return None
        if stop <= follows:
            return 0
        # Lines within a broken object are no rows, even if they look like some.
        following = self._next.search(data, end)
        if following is None and not final:
            return None
        return len(data.rstrip(JSON_SPACE)) if following is None else following.start()


class ElementRows:
    """Elements of an array, numbered from 0.

    Attributes:
        closed: whether a bracket has followed the last element of what was split.
    """

    def __init__(self, indent: bytes | None) -> None:
        self.closed = False
        self._next = None if indent is None else re.compile(rb"\n" + re.escape(indent) + rb"(?=\{)")

    def split(self, data: bytes, final: bool) -> tuple[ByteSpans, int]:
        """See `byte_ranges.Splitter`."""
        text = data.decode("latin-1")
        rows: list[tuple[int, int, int]] = []
        at = 0
        while True:
            between = _BETWEEN.match(data, at)
            start = at if between is None else between.end()
            self.closed |= b"]" in data[at:start]
            at = start
            stop = None if start == len(data) else self._element(data, text, start, final)
            if stop is None:
                break
            rows.append((start, stop, len(rows)))
            at, self.closed = stop, False
        return _spans(rows, len(rows)), at

    def skip(self, head: bytes) -> Skip:  # noqa: ARG002 (of the protocol)
        """See `byte_ranges.Splitter`; in an array without line ends nothing tells where the next element begins."""
        self.closed = True
        return _SkipLines(self._next or re.compile(rb"\n"), 1)

    def _element(self, data: bytes, text: str, start: int, final: bool) -> int | None:
        complete, stop = _scan(text, start)
        # A number, or a word, may continue in the next bytes.
        if complete and (data[stop - 1] in b'}"' or stop + _LITERAL_BYTES < len(data) or final):
            return stop
        if not final and (complete or _needs_more(text, stop)):
            return None
        if complete:
            return stop
        if data[start] != OPEN:
            scalar = _SCALAR.match(data, start)
            end = max(start + 1, start if scalar is None else scalar.end())
            return None if end == len(data) and not final else end
        if self._next is not None:
            following = self._next.search(data, start)
            found = None if following is None else following.start()
        else:
            found = _balanced_end(data, start)
        if found is None and not final:
            return None
        return len(data) if found is None else found


class _SkipLines:
    """Passes over a row to the next line where one can begin."""

    def __init__(self, following: re.Pattern[bytes], rows: int = 0) -> None:
        self._following, self._fixed, self._lines = following, rows, 0

    @property
    def rows(self) -> int:
        """See `byte_ranges.Skip`."""
        return self._fixed or self._lines

    def find(self, data: bytes, final: bool) -> tuple[int, bool]:
        """See `byte_ranges.Skip`."""
        match = self._following.search(data)
        used = len(data) if match is None else match.end()
        if match is None and not final:
            # The pattern may begin in the last bytes.
            last = data.rfind(b"\n", max(0, len(data) - _INDENT_BYTES))
            used = last if last >= 0 else used
        self._lines += data.count(b"\n", 0, used)
        return used, match is not None


def _beginning(data: bytes) -> int:
    """Bytes of white space, and of byte order marks, before what is there."""
    match = _BEGINNING.match(data)
    return 0 if match is None else match.end()


def _scan(text: str, start: int) -> tuple[bool, int]:
    """The JSON value at an offset: (whether it is whole and well-formed, its stop, or else where it stops to be)."""
    try:
        return True, _SCAN(text, start)[1]
    except json.JSONDecodeError as error:
        return False, len(text) if error.msg.startswith("Unterminated string") else error.pos
    except StopIteration as error:
        return False, int(error.value)
    except RecursionError:
        end = _balanced_end(text.encode("latin-1"), start)
        return (False, len(text)) if end is None else (True, end)


def _needs_more(text: str, stop: int) -> bool:
    return stop >= len(text) - _LITERAL_BYTES


def _balanced_end(data: bytes, start: int) -> int | None:
    """Where the braces and brackets that begin at an offset are closed, strings left out; None if they are not."""
    depth = 0
    for token in _TOKEN.finditer(data, start):
        mark = token.group()
        depth += (mark in (b"{", b"[")) - (mark in (b"}", b"]"))
        if depth <= 0:
            return token.end()
        if mark == b'"':
            return None
    return None


def _spans(rows: list[tuple[int, int, int]], span: int) -> ByteSpans:
    found: Int64s = np.array(rows, np.int64).reshape(-1, 3)
    return ByteSpans(found[:, 0], found[:, 1], found[:, 2], span, plain=False)
