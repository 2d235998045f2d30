"""Parquet footers, read once for each file, with facts that pyarrow does not hand on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from encore.featurestore.format import MAGIC, end_of, footer_of, parse_footer
from encore.tablefiles.files import TableFile, open_input, version_of

FOOTERS_KEPT = 64
"""Number of footers that a process keeps. Most take up some kilobytes; those of many columns and row groups
megabytes."""

# Field numbers of parquet.thrift.
ROW_GROUPS, COLUMNS, META_DATA, SIZE_STATISTICS, UNENCODED_BYTES = 4, 1, 3, 16, 1


@dataclass(frozen=True)
class Footer:
    """What is known of a Parquet file before its pages are read.

    Attributes:
        metadata: as pyarrow gives it.
        decoded: row group → column chunk → bytes of its texts once decoded; None where the writer did not say. Written
            since version 2.11 of the format (pyarrow 19).
    """

    metadata: pq.FileMetaData
    decoded: list[list[int | None]]


def read_footer(file: TableFile) -> Footer:
    """The footer of a file; from memory if this process has read it before."""
    return _footer(file, version_of(file))


@lru_cache(FOOTERS_KEPT)
def _footer(file: TableFile, version: str) -> Footer:
    del version
    with open_input(file) as stream:
        return _parse(stream)


def _parse(stream: pa.NativeFile) -> Footer:
    end = end_of(stream, stream.size())
    # Check the footer before pyarrow does: types that are nested too deeply end the process.
    footer = parse_footer(footer_of(end))
    decoded = [[_decoded_bytes(chunk[META_DATA]) for chunk in group[COLUMNS]] for group in footer[ROW_GROUPS]]
    return Footer(pq.read_metadata(pa.BufferReader(MAGIC + end)), decoded)


def _decoded_bytes(described: Mapping[int, Any]) -> int | None:
    statistics = described.get(SIZE_STATISTICS)
    found = statistics.get(UNENCODED_BYTES) if isinstance(statistics, dict) else None
    return found if isinstance(found, int) and found >= 0 else None
