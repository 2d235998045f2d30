"""What names that are read out of stored files may look like, and numbers: paths are made of them, and memory is taken.

A store may come from anybody. A name that is not of its pattern is damage, whoever sealed it, before anything is done
with it.
"""

from __future__ import annotations

import re
import secrets
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.compute as pc

SHORT = "[0-9a-f]{32}"
"""Segments, attempts and deletion vectors."""
LONG = "[0-9a-f]{64}"
"""Segment lists, completion records, block lists; checksums."""
BELOW_ATTEMPT = r"zarr\.json|documents\.parquet|(?:features|offsets)/(?:zarr\.json|c(?:/[0-9]+)+)"
"""Objects of a segment, below its attempt."""

WRITE_ID = b"write_id"
"""Metadata of segment lists and deletion vectors: it makes the bytes of every write, and so its name, its own."""

_SHORT, _LONG, _BELOW = re.compile(SHORT), re.compile(LONG), re.compile(BELOW_ATTEMPT)

COUNT_LIMIT = 1 << 62
"""Counts and bytes are below it, so that the sum of two is a number that 64 bits hold."""


def new_run_id() -> str:
    """Name of a run: when it began (UTC), so that runs sort by it, and a random word, so that two never meet."""
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
