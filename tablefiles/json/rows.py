"""Rows of JSON Lines: found in bytes, and parsed by pyarrow or, where a block does not parse, line by line."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.json as pj

from encore.featurestore.common import Int64s
from encore.tablefiles.json.source import value_sources
from encore.tablefiles.text import BYTE_ORDER_MARK, TOO_LONG, ByteBlock, ByteSpans
from encore.tablefiles.values import as_bytes

LF, CR, OPEN, CLOSE, BRACKET, END_BRACKET = b"\n\r{}[]"
MAX_DEPTH = 1000
"""Maximum depth of objects and arrays: pyarrow's parser overruns its stack at some ten thousand levels."""
JSON_SPACE = b" \t\r\n"

_STRING = re.compile(rb'"(?:[^"\\]|\\.)*+"?', re.DOTALL)

_ID_TYPES = (pa.large_binary(), pa.int64())
"""An id column is text in one file and integers in the next; pyarrow reads a column as one type only."""


@dataclass(frozen=True)
class RowFault:
    """A row that cannot be read.

    Attributes:
        position: which row of the block.
        key: its key, where that can be read.
        reason: what is wrong.
    """

    position: int
    key: str | None
    reason: str


@dataclass(frozen=True)
class JsonRows:
    """What was read of a block.

    Attributes:
        positions: (n,) int64: the rows of the block that could be read.
        values: column name → (n,) large binary; null where the row has null or no such key.
        faults: the other rows.
    """

    positions: Int64s
    values: Mapping[str, pa.Array]
    faults: tuple[RowFault, ...] = ()


def split_lines(data: bytes, final: bool) -> tuple[ByteSpans, int]:
    """Whole lines of a block; row numbers are line numbers, blank lines counted. See `byte_ranges.Split`."""
    buffer = np.frombuffer(data, np.uint8)
    ends = np.flatnonzero(buffer == LF)
    used = int(ends[-1]) + 1 if len(ends) else 0
    if final and used < len(data):
        ends, used = np.append(ends, len(data)), len(data)
    if not len(ends):
        return ByteSpans(ends, ends, ends, 0), 0
    starts = np.concatenate([[0], ends[:-1] + 1])
    stops = ends - ((ends > starts) & (buffer[np.maximum(ends, 1) - 1] == CR))
    last = np.maximum(stops, 1) - 1
    plain = True
    # Lines that are not bare objects are few: blank ones, indented ones, malformed ones.
    for line in np.flatnonzero((buffer[starts.clip(max=len(data) - 1)] != OPEN) | (buffer[last] != CLOSE)).tolist():
        row = data[starts[line] : stops[line]]
        # Files that were joined have a byte order mark where one of them begins.
        bare = row.lstrip(JSON_SPACE)
        kept = bare.removeprefix(BYTE_ORDER_MARK).lstrip(JSON_SPACE)
        plain &= len(kept) == len(bare)
        starts[line] += len(row) - len(kept)
        stops[line] = starts[line] + len(kept.rstrip(JSON_SPACE))
    rows = np.flatnonzero(stops > starts)
    return ByteSpans(starts[rows], stops[rows], rows, len(ends), plain=plain), used


def parse_rows(
    block: ByteBlock, key: str, texts: Sequence[str], others: Sequence[str] = (), labels: Sequence[str] = ()
) -> JsonRows:
    """Read some columns of a block.

    If an object repeats a key, the last value counts.

    Args:
        block: whole rows.
        key: column of keys: text or integers.
        texts: columns that hold text or null.
        others: columns taken over as they are: text as itself, any other value as it is written.
        labels: columns that hold text, integers, booleans or null.
    """
    names = tuple(dict.fromkeys((key, *texts, *labels, *others)))
    if not len(block.spans.starts):
        return JsonRows(block.spans.starts, {name: pa.array([], pa.large_binary()) for name in names})
    if block.too_long:
        fault = RowFault(0, None, TOO_LONG)
        return JsonRows(block.spans.starts[:0], {name: pa.array([], pa.large_binary()) for name in names}, (fault,))
    deep = _deep_rows(block)
    table = None if deep or not _all_objects(block) else _parse(_lines(block), key, names, not block.spans.plain)
    if table is not None and table.num_rows == len(block.spans.starts):
        return JsonRows(np.arange(table.num_rows), {name: as_bytes(table[name]) for name in names})
    return _parse_lines(block, _Roles(key, tuple(texts), tuple(others), tuple(labels)), names, deep)


def parse_line(line: bytes, key: str, names: tuple[str, ...]) -> dict[str, Any] | None:
    """One object, its strings with invalid UTF-8 as surrogate escapes; None where the line is no JSON object."""
    try:
        value = json.loads(line.decode(errors="surrogateescape"))
    except (ValueError, RecursionError):
        # The two parsers differ at the edges (Inf, very long integers, deep nesting). What pyarrow takes among
        # well-formed lines it must take among malformed ones too: a row's fate may not depend on its neighbours.
        table = _parse(line, key, names, b"\n" in line)
        if table is None or table.num_rows != 1:
            return None
        return {name: _decode(table[name][0].as_py()) for name in names}
    return value if isinstance(value, dict) else None


def _all_objects(block: ByteBlock) -> bool:
    """Whether every row has an object's braces: pyarrow would join two halves into one object."""
    buffer = np.frombuffer(block.data, np.uint8)
    opened, closed = buffer[block.spans.starts] == OPEN, buffer[block.spans.stops - 1] == CLOSE
    return bool(opened.all() and closed.all())


def _lines(block: ByteBlock) -> bytes:
    """The rows of a block with nothing but line ends between them."""
    if block.spans.plain:
        return block.data
    return b"\n".join(block.row_bytes(position) for position in range(len(block.spans.starts)))


def _deep_rows(block: ByteBlock) -> frozenset[int]:
    """Positions of the rows that are nested too deeply for a parser."""
    data, starts, stops = block.data, block.spans.starts, block.spans.stops
    if int((stops - starts).max()) <= 2 * MAX_DEPTH:
        return frozenset()
    if data.count(b"{") + data.count(b"[") <= MAX_DEPTH + len(starts):
        return frozenset()
    buffer = np.frombuffer(data, np.uint8)
    opening = np.flatnonzero((buffer == OPEN) | (buffer == BRACKET))
    counts = np.searchsorted(opening, stops) - np.searchsorted(opening, starts)
    suspects = np.flatnonzero(counts > MAX_DEPTH).tolist()
    return frozenset(row for row in suspects if _depth(block.row_bytes(row)) > MAX_DEPTH)


def _depth(row: bytes) -> int:
    """How deeply the brackets of a row lie within one another, those in strings left out."""
    steps = np.zeros(256, np.int64)
    steps[[OPEN, BRACKET]], steps[[CLOSE, END_BRACKET]] = 1, -1
    bare = np.frombuffer(_STRING.sub(b"", row), np.uint8)
    return int(np.cumsum(steps[bare]).max(initial=0))


def _parse(data: bytes, key: str, names: tuple[str, ...], over_lines: bool) -> pa.Table | None:
    # Text is read as binary: pyarrow would neither refuse invalid UTF-8 in a string column nor let us see it.
    for id_type in _ID_TYPES:
        schema = pa.schema([pa.field(name, id_type if name == key else pa.large_binary()) for name in names])
        try:
            return pj.read_json(
                pa.BufferReader(data),
                # Room for all of it: pyarrow refuses a row that straddles two of its blocks.
                read_options=pj.ReadOptions(use_threads=False, block_size=len(data) + 1),
                parse_options=pj.ParseOptions(
                    explicit_schema=schema, unexpected_field_behavior="ignore", newlines_in_values=over_lines
                ),
            )
        except pa.ArrowInvalid:
            continue
    return None


@dataclass(frozen=True)
class _Roles:
    """Which columns are read as what; see `parse_rows`."""

    key: str
    texts: tuple[str, ...]
    others: tuple[str, ...]
    labels: tuple[str, ...]

    def wrong(self, row: Mapping[str, Any]) -> str:
        """What is wrong with the values of a row, its key left out."""
        texts = [name for name in self.texts if not _is_text(row.get(name))]
        labels = [name for name in self.labels if not _is_label(row.get(name))]
        return "; ".join(f"{name} is {_type_name(row.get(name))}" for name in (*texts, *labels))

    def cells(self, row: Mapping[str, Any], line: bytes, key: bytes | None) -> dict[str, bytes | None]:
        """Bytes of every column; a text of the wrong type is null."""
        cells = {name: _encode(row.get(name)) for name in self.texts}
        cells |= {name: _label(row.get(name)) for name in self.labels}
        cells[self.key] = key
        return cells | _as_written(row, line, [name for name in self.others if name not in cells])


def _parse_lines(block: ByteBlock, roles: _Roles, names: tuple[str, ...], deep: frozenset[int]) -> JsonRows:
    positions: list[int] = []
    values: dict[str, list[bytes | None]] = {name: [] for name in names}
    faults: list[RowFault] = []
    for position in range(len(block.spans.starts)):
        if position in deep:
            faults.append(RowFault(position, None, f"nested more than {MAX_DEPTH:,} levels deep"))
            continue
        line = block.row_bytes(position)
        row = parse_line(line, roles.key, names)
        cell, fault = (None, _malformed(line)) if row is None else _key(row.get(roles.key))
        if row is None or fault is not None:
            faults.append(RowFault(position, None, fault or ""))
            continue
        readable, wrong = _readable(cell), roles.wrong(row)
        # A row without a usable key is found by validation, whatever its text is.
        if wrong and readable is not None:
            faults.append(RowFault(position, readable, wrong))
            continue
        positions.append(position)
        for name, value in roles.cells(row, line, cell).items():
            values[name].append(value)
    arrays = {name: pa.array(column, pa.large_binary()) for name, column in values.items()}
    return JsonRows(np.array(positions, np.int64), arrays, tuple(faults))


def _malformed(row: bytes) -> str:
    return "malformed JSON object" if b"\n" in row else "malformed JSON line"


def _key(value: object) -> tuple[bytes | None, str | None]:
    """Bytes of a key, or what is wrong with it."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value).encode(), None
    if not _is_text(value):
        return None, f"id is {_type_name(value)}"
    return _encode(value), None


def _readable(key: bytes | None) -> str | None:
    try:
        return key.decode() if key else None
    except UnicodeDecodeError:
        return None


def _is_text(value: object) -> bool:
    return value is None or isinstance(value, str)


def _is_label(value: object) -> bool:
    return isinstance(value, str | int) or value is None


def _type_name(value: object) -> str:
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, int | float):
        return "a number"
    return "an object" if isinstance(value, dict) else "an array"


def _encode(text: object) -> bytes | None:
    if not isinstance(text, str):
        return None
    try:
        return text.encode(errors="surrogateescape")
    except UnicodeEncodeError:
        # A lone surrogate from an escape such as \ud800: invalid UTF-8, for validation to find.
        return text.encode(errors="surrogatepass")


def _decode(value: object) -> object:
    return value.decode(errors="surrogateescape") if isinstance(value, bytes) else value


def _label(value: object) -> bytes | None:
    return _encode(value if _is_text(value) else json.dumps(value))


def _as_written(row: Mapping[str, object], line: bytes, names: Sequence[str]) -> dict[str, bytes | None]:
    """Bytes of some values of a row: text is itself, anything else as it is written in the line."""
    texts = all(_is_text(row.get(name)) for name in names)
    sources = {} if texts else value_sources(line.decode(errors="surrogateescape"))
    return {name: _encode(row.get(name) if _is_text(row.get(name)) else sources[name]) for name in names}
