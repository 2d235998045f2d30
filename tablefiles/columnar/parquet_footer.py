"""Parquet footers, read once a file; and what they say that pyarrow does not hand on."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tablefiles.files import TableFile, open_input, version_of

FOOTERS_KEPT = 64
"""Of a process; most take up some kilobytes, those of many columns and row groups megabytes."""

FOOTER_END = 8
"""Behind the footer: its length, and ``PAR1``."""

# Field numbers of parquet.thrift.
ROW_GROUPS, COLUMNS, META_DATA, SIZE_STATISTICS, UNENCODED_BYTES = 4, 1, 3, 16, 1

TRUE, FALSE, BYTE, I16, I32, I64, DOUBLE, BINARY, LIST, SET, MAP, STRUCT = range(1, 13)


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
    """The footer of a file that is there; from memory where this process has seen it before."""
    return _footer(file, version_of(file))


@lru_cache(FOOTERS_KEPT)
def _footer(file: TableFile, version: str) -> Footer:
    del version
    with open_input(file) as stream:
        return _parse(stream)


def _parse(stream: pa.NativeFile) -> Footer:
    metadata = pq.read_metadata(stream)
    stream.seek(stream.size() - FOOTER_END - metadata.serialized_size)
    footer = _Compact(stream.read(metadata.serialized_size)).struct()
    decoded = [
        [chunk.get(META_DATA, {}).get(SIZE_STATISTICS, {}).get(UNENCODED_BYTES) for chunk in group.get(COLUMNS, [])]
        for group in footer.get(ROW_GROUPS, [])
    ]
    return Footer(metadata, decoded)


class _Compact:
    """Thrift's compact protocol, as far as reading it goes: structs are field number → value."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def struct(self) -> dict[int, Any]:
        fields: dict[int, Any] = {}
        number = 0
        while head := self._byte():
            step, kind = head >> 4, head & 15
            number = number + step if step else self._integer()
            fields[number] = kind == TRUE if kind in (TRUE, FALSE) else self._value(kind)
        return fields

    def _value(self, kind: int) -> Any:
        if kind in (I16, I32, I64):
            return self._integer()
        if kind == BINARY:
            return self._skip(self._unsigned())
        if kind == STRUCT:
            return self.struct()
        if kind in (LIST, SET):
            return self._list()
        if kind in (TRUE, FALSE, BYTE):
            return self._byte()
        if kind == DOUBLE:
            return self._skip(8)
        raise ValueError(f"type {kind} in a Parquet footer")

    def _list(self) -> list[Any]:
        head = self._byte()
        size, kind = head >> 4, head & 15
        return [self._value(kind) for _ in range(self._unsigned() if size == 15 else size)]

    def _byte(self) -> int:
        self._at += 1
        return self._data[self._at - 1]

    def _unsigned(self) -> int:
        value = shift = 0
        while (byte := self._byte()) & 128:
            value |= (byte & 127) << shift
            shift += 7
        return value | byte << shift

    def _integer(self) -> int:
        value = self._unsigned()
        return value >> 1 ^ -(value & 1)

    def _skip(self, size: int) -> None:
        self._at += size
