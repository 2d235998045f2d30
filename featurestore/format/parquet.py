"""Safe reading of Parquet that anybody may have written: limits are checked before anything is decoded.

A page of some kilobytes may decode to gigabytes. A dictionary may repeat a long text for every row. A schema may be
nested deeper than the C++ reader's stack. A damaged description of a column makes pyarrow end the process. So the
footer and the page headers are read here first, and compared with what is known: the number of rows and the size of the
file.
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
"""Bytes after the footer: its length, and the magic bytes."""
MAX_TYPE_DEPTH = 100
"""Maximum number of levels of a nested type: Parquet's own reader and the functions on types here are recursive."""

LEAST_LIMIT = 256 << 20
"""Bytes that any file may decode to."""
GROWTH = 1000
"""A larger file may decode to this many times its size."""
COLUMN_LIMIT = (1 << 31) - 1
"""Maximum bytes of a column: beyond them pyarrow takes rows out of bounds, since its offsets have 32 bits."""
DIGEST_ROW_BYTES = 16
"""Minimum bytes of a row with a digest in a file: a digest cannot be compressed."""

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
    """The bytes are no Parquet file, or one that must not be decoded; the text says why."""


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
    """The table in a stored file, or some columns of it; a column that the file lacks is left out.

    Args:
        data: the file.
        name: of the object, for errors.
        columns: their names; all unless given.
        rows: number of rows that the file must have, if that is known.
        row_bytes: minimum bytes that a row takes in the file.
        threads: whether columns are decoded at the same time.
        advice: end of the error about damage: what to do.

    Raises:
        StoreError: the file is damaged, has another number of rows, or would decode to more than its size allows.
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
    """As `read_parquet`, for bytes without a name.

    Raises:
        DamagedParquet: as the StoreError of `read_parquet`.
    """
    try:
        footer = parse_footer(footer_of(data))
        _require_rows(footer, len(data), rows, row_bytes)
        file = pq.ParquetFile(pa.BufferReader(data), page_checksum_verification=True)
        held = file.schema_arrow.names
        if len(set(held)) < len(held):
            raise pa.ArrowInvalid("two columns have the same name")
        wanted = [column for column in (held if columns is None else columns) if column in held]
        _require_bounded(footer, data, wanted)
        table = file.read(wanted, use_threads=threads)
        if table.num_rows != footer[ROWS]:
            raise pa.ArrowInvalid(f"{table.num_rows} rows, its footer says {footer[ROWS]}")
    except (pa.ArrowException, OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise DamagedParquet(first_line(error)) from error
    return table


def read_schema(data: bytes, name: str, *, advice: str = RESTORE) -> pa.Schema:
    """The columns of a stored file and their types; no value is decoded.

    Raises:
        StoreError: it is damaged.
    """
    try:
        parse_footer(footer_of(data))
        return pq.read_schema(pa.BufferReader(data))
    except (pa.ArrowException, OSError, ValueError) as error:
        raise StoreError(f"{name}: damaged: {first_line(error)}; {advice}") from error


def end_of(stream: BinaryIO, size: int) -> bytes:
    """The end of a file of ``size`` bytes, from its footer on; just the last bytes if the file is not Parquet."""
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
        raise pa.ArrowInvalid("not a Parquet file, or cut short")
    return data[len(data) - TAIL - length : -TAIL]


def parse_footer(footer: bytes) -> Fields:
    """Field number → value of a footer, which is then safe for pyarrow.

    Raises:
        ArrowInvalid: the footer cannot be read; its types are nested more than `MAX_TYPE_DEPTH` levels deep; or it
            describes a column that the schema lacks, or of an unknown type, over which pyarrow ends the process.
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
    """The path of names to each column that has values; raises ValueError if one is too deep."""
    found: list[list[bytes]] = []
    path: list[bytes] = []
    left: list[int] = []
    for element in footer[SCHEMA]:
        while left and left[-1] <= 0:
            left.pop()
            path.pop()
        if left:
            left[-1] -= 1
        if len(left) > MAX_TYPE_DEPTH:
            raise ValueError(f"its types are nested more than {MAX_TYPE_DEPTH} levels deep")
        if element.get(REPETITION, 0) not in REPETITIONS:
            raise ValueError("a column has an unknown repetition type")
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
        raise pa.ArrowInvalid(f"{footer[ROWS]} rows do not fit into {size} bytes")


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
            if ELSEWHERE in described or chunk[VALUES] < 0:
                raise pa.ArrowInvalid(f"column {path} lies in another file, or has a negative number of values")
            if "." not in path and chunk[VALUES] != group[GROUP_ROWS]:
                raise pa.ArrowInvalid(f"column {path} has {chunk[VALUES]} values in {group[GROUP_ROWS]} rows")
            held[path] += _chunk_bytes(data, path, chunk, limit)
            if sum(held.values()) > limit or held[path] > COLUMN_LIMIT:
                raise pa.ArrowInvalid(f"{len(data)} bytes would decode to more than {min(limit, COLUMN_LIMIT)}")


def _chunk_bytes(data: bytes, path: str, chunk: Fields, limit: int) -> int:
    """The most bytes that a column chunk can decode to. Counting stops as soon as they exceed the limit."""
    # Offsets, or levels of nested values.
    decoded: int = 4 * chunk[VALUES]
    longest = 0
    for kind, size in _pages(data, chunk):
        decoded += size
        longest = max(longest, size) if kind == DICTIONARY else longest
    # At worst every value is as long as the whole dictionary. Mostly even that is little.
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
            raise pa.ArrowInvalid("one of its pages has a negative size, or lies in the wrong place")
        yield kind, size


def _repeated_bytes(data: bytes, path: str) -> int:
    """Bytes that the values of a text column decode to; values that a dictionary repeats are in memory once."""
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
