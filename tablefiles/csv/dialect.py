"""How a CSV file is written: its delimiter, its escape, and the cells of one record."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from encore.tablefiles.files import TableFile

QUOTE, BACKSLASH = b'"\\'

ESCAPED_QUOTE = "escaped quote"
"""Seen in a file: a backslash before a quote, with no escape given."""
BARE_ESCAPE = "bare escape"
"""Seen in a file with an escape: it stands before a quote in a cell without quotes, as Python's writer has it."""
BARE_DATA = "bare data"
"""Seen in a file with an escape: it stands in a cell without quotes where nothing is to be escaped, as in Spark's."""

IN_DOUBT = "a backslash may escape; say --csv-escape '\\', or '\"' where quotes are doubled and backslashes are data"
BARE_DOUBT = "an escape outside quotes may be data, or may not"


@dataclass(frozen=True)
class Cell:
    """One cell of a record.

    Attributes:
        value: its bytes, without quotes and escapes.
        doubt: why it may have been meant otherwise; None where it is sure.
    """

    value: bytes
    doubt: str | None = None


@dataclass(frozen=True)
class Dialect:
    r"""How a file is written.

    Attributes:
        delimiter: one byte.
        escape: the byte that escapes quotes and itself inside quoted cells; None where quotes are only doubled.
        strict: whether a backslash before a quote puts a record in doubt, because the user has named no escape.
    """

    delimiter: int
    escape: int | None = None
    strict: bool = True

    @classmethod
    def of(cls, file: TableFile) -> Dialect:
        """As the options and the ending of a file say."""
        given = file.options
        delimiter = given.delimiter or ("\t" if file.plain_name.endswith(".tsv") else ",")
        escape = None if given.escape in (None, '"') else ord(given.escape or "")
        return cls(ord(delimiter), escape, given.escape is None)

    @property
    def mark(self) -> int | None:
        """The byte for which records are searched: the escape, or a possible one."""
        return BACKSLASH if self.strict else self.escape

    @cached_property
    def cell(self) -> re.Pattern[bytes]:
        """A quoted cell (group 1), a bare one (quotes inside it are data), or an empty one; it never backtracks."""
        comma = re.escape(bytes([self.delimiter]))
        bare = rb'[^"\r\n' + comma + rb"][^\r\n" + comma + rb"]*+"
        if self.escape is None:
            quoted = rb'("[^"]*+(?:""[^"]*+)*+")'
        else:
            escape = re.escape(bytes([self.escape]))
            quoted = rb'("[^"' + escape + rb']*+(?:(?:""|' + escape + rb'[\s\S])[^"' + escape + rb']*+)*+")'
        return re.compile(quoted + rb"|" + bare + rb"|")

    def cells(self, record: bytes, seen: frozenset[str]) -> tuple[list[Cell], frozenset[str]]:
        """The cells of a whole, well-formed record, and what they show of the file's writer."""
        found: list[Cell] = []
        shown: set[str] = set()
        at = 0
        while True:
            match = self.cell.match(record, at)
            text = b"" if match is None else match.group()
            quoted = match is not None and match.group(1) is not None
            found.append(self._quoted(text, seen) if quoted else self._bare(text, seen, shown))
            at += len(text) + 1
            if at > len(record):
                return found, frozenset(shown)

    def _quoted(self, text: bytes, seen: frozenset[str]) -> Cell:
        inner = text[1:-1]
        if self.escape is None:
            doubtful = self.strict and ESCAPED_QUOTE in seen and b"\\" in inner
            return Cell(inner.replace(b'""', b'"'), IN_DOUBT if doubtful else None)
        return Cell(self._escapes.sub(_unescaped, inner))

    def _bare(self, text: bytes, seen: frozenset[str], shown: set[str]) -> Cell:
        """Writers differ: Python's escapes outside quotes too, Spark's does not, and a doubled escape may be either."""
        if self.escape is None:
            doubtful = self.strict and ESCAPED_QUOTE in seen and b"\\\\" in text
            return Cell(text, IN_DOUBT if doubtful else None)
        if self.escape not in text:
            return Cell(text)
        pairs = [pair.group() for pair in self._pairs.finditer(text)]
        mine: set[str] = set()
        for pair in pairs:
            if pair[1:] == b'"':
                mine.add(BARE_ESCAPE)
            elif pair[1:] != pair[:1]:
                mine.add(BARE_DATA)
        shown |= mine
        known = mine | (seen & {BARE_ESCAPE, BARE_DATA})
        if len(known) != 1:
            return Cell(text, BARE_DOUBT)
        return Cell(text if BARE_DATA in known else self._escapes.sub(_unescaped, text))

    @cached_property
    def _escapes(self) -> re.Pattern[bytes]:
        escape = re.escape(bytes([self.escape or 0]))
        return re.compile(escape + rb'["' + escape + rb']|""')

    @cached_property
    def _pairs(self) -> re.Pattern[bytes]:
        return re.compile(re.escape(bytes([self.escape or 0])) + rb"[\s\S]?")


def _unescaped(match: re.Match[bytes]) -> bytes:
    return match.group()[1:]
