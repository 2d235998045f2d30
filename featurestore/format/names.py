"""Checks of names and numbers in stored files: names become paths, and numbers decide how much memory is taken.

A store may come from anybody. A name that does not match its pattern is damage, whoever sealed it. It is checked before
anything is done with it.
"""

from __future__ import annotations

import re
import secrets
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.compute as pc

SHORT = "[0-9a-f]{32}"
"""Names of segments, attempts and deletion vectors."""
LONG = "[0-9a-f]{64}"
"""Names of segment lists, completion records and block lists; checksums."""
BELOW_ATTEMPT = r"zarr\.json|documents\.parquet|(?:features|offsets)/(?:zarr\.json|c(?:/[0-9]+)+)"
"""Paths of a segment's objects, below its attempt."""

WRITE_ID = b"write_id"
"""Metadata of segment lists and deletion vectors: it makes the bytes of every write unique, and so the name."""

_SHORT, _LONG, _BELOW = re.compile(SHORT), re.compile(LONG), re.compile(BELOW_ATTEMPT)

COUNT_LIMIT = 1 << 62
"""Counts and bytes must be below it, so that the sum of two fits into 64 bits."""


def new_run_id() -> str:
    """Name of a new run: its start (UTC), so that runs sort by it, and a random word, so that no two are equal."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}"


def is_short(name: object) -> bool:
    """Whether this names a segment, an attempt or a deletion vector."""
    return isinstance(name, str) and _SHORT.fullmatch(name) is not None


def is_long(name: object) -> bool:
    """Whether this is a sha256 in hex: it names a list, or a record."""
    return isinstance(name, str) and _LONG.fullmatch(name) is not None


def is_below_attempt(path: object) -> bool:
    """Whether this is the path of a segment's object below its attempt."""
    return isinstance(path, str) and _BELOW.fullmatch(path) is not None


def is_count(value: object) -> bool:
    """Whether this is a number of things or bytes."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < COUNT_LIMIT


def all_match(column: pa.ChunkedArray, pattern: str) -> bool:
    """Whether every text of a column, nulls left out, is of a pattern as a whole."""
    return bool(pc.all(pc.match_substring_regex(column, rf"\A(?:{pattern})\z"), min_count=0).as_py())


def all_counts(column: pa.ChunkedArray) -> bool:
    """Whether every number of a column is one of things or bytes."""
    inside = pc.and_(pc.greater_equal(column, 0), pc.less(column, COUNT_LIMIT))
    return bool(pc.all(inside, min_count=0).as_py())
