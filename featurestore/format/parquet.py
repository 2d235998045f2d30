"""Reading Parquet that anybody may have written: bounded by what is known of it before anything is decoded.

A page of some kilobytes may decode to gigabytes, a dictionary repeat a long text for every row, a schema lie deeper
than the C++ reader's stack, and pyarrow ends the process over a damaged description of a column. So footer and page
headers are read here first, and what they say is compared with what is known: the rows, and the size of the file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from encore.featurestore.common import first_line
from encore.featurestore.errors import RESTORE, StoreError
from encore.featurestore.format.thrift import read_struct

MAGIC = b"PAR1"
TAIL = 8
"""Bytes behind the footer: its length, and the magic ones."""
DEEPEST = 100
"""Levels of a nested type: Parquet's own reader, and what is made of types here, go down by recursion."""

LEAST_LIMIT = 256 << 20
"""Bytes that any file may decode to."""
GROWTH = 1000
"""Times its size that a larger file may decode to."""
COLUMN_LIMIT = (1 << 31) - 1
"""Bytes of a column: beyond them pyarrow takes rows out of bounds, since its offsets have 32 bits."""
DIGEST_BYTES = 16
"""The least that a row with a digest takes up in a file: those cannot be compressed."""

# Field numbers of parquet.thrift, of each struct in turn.
SCHEMA, ROWS, GROUPS = 2, 3, 4
REPETITION, NAME, CHILDREN = 3, 4, 5
COLUMNS, GROUP_ROWS = 1, 3
ELSEWHERE, META_DATA = 1, 3
TYPE, PATH, VALUES, STORED, FIRST_PAGE, FIRST_DICTIONARY = 1, 3, 5, 7, 9, 11
PAGE_TYPE, PAGE_BYTES, PAGE_STORED, DATA_PAGE, DATA_PAGE_V2, PAGE_VALUES = 1, 2, 3, 5, 8, 1

REPETITIONS = (0, 1, 2)
"""Required, optional, repeated."""
DATA, DICTIONARY, DATA_V2 = 0, 2, 3
"""Types of pages."""
TEXTS = (6, 7)
"""Physical types of text and bytes."""

Fields = Mapping[int, Any]


class DamagedParquet(Exception):
    """Bytes that are no Parquet file which may be decoded; the text says why."""


def read_parquet(
    data: bytes,
    name: str,
    *,
    columns: Sequence[str] | None = None,
    rows: int | None = None,
    row_bytes: int = 0,
    threads: bool = True,
    advice: str = RESTORE,
) -> pa.Table:
    """The table in a stored file, or some columns of it; one that it does not have is left out.

    Args:
        data: the file.
        name: of the object, for errors.
        columns: their names; all unless given.
        rows: how many it is known to have.
        row_bytes: the least that a row takes up in the file.
        threads: whether columns are decoded at the same time.
        advice: what to do where it is damaged.

    Raises:
        StoreError: it is damaged, has other rows, or would decode to more than such a file may.
    """
    try:
        return decoded(data, columns=columns, rows=rows, row_bytes=row_bytes, threads=threads)
    except DamagedParquet as error:
        raise StoreError(f"{name}: damaged: {error}; {advice}") from error


def decoded(
    data: bytes,
    *,
    columns: Sequence[str] | None = None,
    rows: int | None = None,
    row_bytes: int = 0,
    threads: bool = True,
) -> pa.Table:
    """`read_parquet` of what has no name.

    Raises:
        DamagedParquet: it is damaged, has other rows, or would decode to more than such a file may.
    """
    try:
        footer = parse_footer(footer_of(data))
        _require_rows(footer, len(data), rows, row_bytes)
        file = pq.ParquetFile(pa.BufferReader(data), page_checksum_verification=True)
        held = file.schema_arrow.names
        if len(set(held)) < len(held):
            raise pa.ArrowInvalid("two columns of one name")
        wanted = [column for column in (held if columns is None else columns) if column in held]
        _require_bounded(footer, data, wanted)
        table = file.read(wanted, use_threads=threads)
        if table.num_rows != footer[ROWS]:
            raise pa.ArrowInvalid(f"{table.num_rows} rows, its footer says {footer[ROWS]}")
    except (pa.ArrowException, OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise DamagedParquet(first_line(error)) from error
    return table


def read_schema(data: bytes, name: str, *, advice: str = RESTORE) -> pa.Schema:
    """The columns of a stored file and their types, of which no value is decoded.

    Raises:
        StoreError: it is damaged.
    """
    try:
        parse_footer(footer_of(data))
        return pq.read_schema(pa.BufferReader(data))
    except (pa.ArrowException, OSError, ValueError) as error:
        raise StoreError(f"{name}: damaged: {first_line(error)}; {advice}") from error


def end_of(stream: BinaryIO, size: int) -> bytes:
    """The footer of a file of ``size`` bytes, and what is behind it; of what is no such file, its last bytes."""
    stream.seek(max(0, size - TAIL))
    length = int.from_bytes(stream.read(TAIL)[: -len(MAGIC)], "little")
    stream.seek(size - TAIL - length if length <= size - TAIL else max(0, size - TAIL))
    return stream.read()


def names_in(footer: Fields) -> list[str]:
    """Names of the columns, in order."""
    return list(dict.fromkeys(path[0].decode(errors="replace") for path in leaf_paths(footer)))


def footer_of(data: bytes) -> bytes:
    """The footer of a file; raises ArrowInvalid where there is none."""
    length = int.from_bytes(data[-TAIL : -len(MAGIC)], "little")
    if data[-len(MAGIC) :] != MAGIC or length > len(data) - TAIL:
        raise pa.ArrowInvalid("no Parquet file, or one that is cut short")
    return data[len(data) - TAIL - length : -TAIL]


def parse_footer(footer: bytes) -> Fields:
    """Field number → value of a footer that pyarrow may look at.

    Raises:
        ArrowInvalid: it cannot be read; its types lie more than `DEEPEST` levels deep; or a column is described that is
            none of the schema's, or of no kind that there is, over which pyarrow ends the process.
    """
    try:
        fields = read_struct(footer)[0]
        paths = leaf_paths(fields)
        described = [[chunk[META_DATA][PATH] for chunk in group[COLUMNS]] for group in fields[GROUPS]]
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise pa.ArrowInvalid(f"its footer cannot be read: {error!r}") from error
    if any(columns != paths for columns in described):
        raise pa.ArrowInvalid("its footer describes other columns than its schema")
    return fields


def leaf_paths(footer: Fields) -> list[list[bytes]]:
    """Names on the way to each column that has values; raises ValueError where they lie too deep."""
    found: list[list[bytes]] = []
    path: list[bytes] = []
    left: list[int] = []
    for element in footer[SCHEMA]:
        while left and left[-1] <= 0:
            left.pop()
            path.pop()
        if left:
            left[-1] -= 1
        if len(left) > DEEPEST:
            raise ValueError(f"types more than {DEEPEST} levels deep")
        if element.get(REPETITION, 0) not in REPETITIONS:
            raise ValueError("a column of no kind that there is")
        path.append(element[NAME])
        left.append(element.get(CHILDREN) or 0)
        if not left[-1] and len(path) > 1:
            # Without the schema's own name.
            found.append(path[1:])
    return found


def _require_rows(footer: Fields, size: int, rows: int | None, row_bytes: int) -> None:
    groups = [group[GROUP_ROWS] for group in footer[GROUPS]]
    if min(groups, default=0) < 0 or sum(groups) != footer[ROWS]:
        raise pa.ArrowInvalid("its row groups do not add up to its rows")
    if rows not in (None, footer[ROWS]):
        raise pa.ArrowInvalid(f"{footer[ROWS]} rows, expected {rows}")
    if footer[ROWS] * row_bytes > size:
        raise pa.ArrowInvalid(f"{footer[ROWS]} rows in {size} bytes, which no such file has")


def _require_bounded(footer: Fields, data: bytes, wanted: Sequence[str]) -> None:
    """Raise ArrowInvalid where the pages of some columns would decode to more than a file of this size may."""
    paths = [b".".join(path).decode(errors="replace") for path in leaf_paths(footer)]
    limit = max(LEAST_LIMIT, GROWTH * len(data))
    held = dict.fromkeys(paths, 0)
    for group in footer[GROUPS]:
        for path, described in zip(paths, group[COLUMNS], strict=True):
            if path not in wanted and not any(path.startswith(f"{name}.") for name in wanted):
                continue
            chunk = described[META_DATA]
            if described.get(ELSEWHERE, chunk) is None or chunk[VALUES] < 0:
                raise pa.ArrowInvalid(f"column {path} lies elsewhere")
            if "." not in path and chunk[VALUES] != group[GROUP_ROWS]:
                raise pa.ArrowInvalid(f"column {path} has {chunk[VALUES]} values in {group[GROUP_ROWS]} rows")
            held[path] += _chunk_bytes(data, path, chunk, limit)
            if sum(held.values()) > limit or held[path] > COLUMN_LIMIT:
                raise pa.ArrowInvalid(f"{len(data)} bytes that decode to more than {min(limit, COLUMN_LIMIT)}")


def _chunk_bytes(data: bytes, path: str, chunk: Fields, limit: int) -> int:
    """What a column chunk decodes to at most, or as much as shows that it is too much."""
    # Offsets, or levels of what is nested.
    decoded: int = 4 * chunk[VALUES]
    longest = 0
    for kind, size in _pages(data, chunk):
        decoded += size
        longest = max(longest, size) if kind == DICTIONARY else longest
    # Every value may be all that the dictionary holds, which mostly is little even so.
    most = decoded + longest * chunk[VALUES]
    if not longest or chunk[TYPE] not in TEXTS or most <= LEAST_LIMIT or decoded > min(limit, COLUMN_LIMIT):
        return decoded
    return decoded + _repeated_bytes(data, path)


def _pages(data: bytes, chunk: Fields) -> Iterator[tuple[int, int]]:
    """Type and decoded bytes of each page that is read of a column chunk."""
    first, at = chunk[FIRST_PAGE], chunk.get(FIRST_DICTIONARY) or 0
    if not 0 < at < first:
        at = first
    end = at + chunk[STORED]
    if not 0 <= at <= end <= len(data):
        raise pa.ArrowInvalid("a column lies outside the file")
    seen = 0
    while seen < chunk[VALUES] and at < end:
        header, at = read_struct(data, at)
        kind, size, stored = header[PAGE_TYPE], header[PAGE_BYTES], header[PAGE_STORED]
        if kind in (DATA, DATA_V2):
            seen += max(1, header[DATA_PAGE if kind == DATA else DATA_PAGE_V2][PAGE_VALUES])
        at += stored
        if size < 0 or stored < 0 or (kind == DICTIONARY and at != first):
            raise pa.ArrowInvalid("its pages do not lie where they should")
        yield kind, size


def _repeated_bytes(data: bytes, path: str) -> int:
    """What the values of a text column decode to, those that a dictionary repeats being held once."""
    file = pq.ParquetFile(pa.BufferReader(data), read_dictionary=[path])
    column = file.read([path]).column(0)
    return sum(map(_text_bytes, column.chunks))


def _text_bytes(values: pa.Array) -> int:
    while pa.types.is_nested(values.type):
        values = values.field(0) if pa.types.is_struct(values.type) else values.values
    if not isinstance(values, pa.DictionaryArray):
        return int(values.nbytes)
    places = values.indices.drop_null().to_numpy(zero_copy_only=False)
    lengths = pc.binary_length(values.dictionary).fill_null(0).to_numpy(zero_copy_only=False)
    return int(np.sum(lengths[places], dtype=np.int64))
