"""A Parquet file without rows. The type of its one column is nested as deeply as the caller asks for."""

from __future__ import annotations

import struct

I32, I64, BINARY, LIST, STRUCT = 5, 6, 8, 9, 12


def deep_parquet(levels: int, key: bytes = b"a") -> bytes:
    """The file, made byte by byte: a Parquet writer would end its own process over such a type."""
    root, leaf = _element(b"s", children=1), _element(b"v", kind=1)
    elements = [root, _element(key, children=1), *[_element(b"a", children=1)] * (levels - 1), leaf]
    footer = (
        _field(1, I32, _number(2))
        + _field(1, LIST, bytes([0xF0 | STRUCT]) + _varint(len(elements)) + b"".join(elements))
        + _field(1, I64, _number(0))
        + _field(1, LIST, bytes([STRUCT]))
        + b"\0"
    )
    return b"PAR1" + footer + struct.pack("<I", len(footer)) + b"PAR1"


def _element(name: bytes, *, kind: int | None = None, children: int | None = None) -> bytes:
    """A SchemaElement: required, of a type or with so many children."""
    typed = b"" if kind is None else _field(1, I32, _number(kind))
    repetition = _field(2 if typed else 3, I32, _number(0))
    named = _field(1, BINARY, _varint(len(name)) + name)
    return typed + repetition + named + (b"" if children is None else _field(1, I32, _number(children))) + b"\0"


def _field(step: int, kind: int, value: bytes) -> bytes:
    return bytes([step << 4 | kind]) + value


def _number(value: int) -> bytes:
    return _varint(value << 1)


def _varint(value: int) -> bytes:
    digits = bytearray()
    while value > 127:
        digits.append(value & 127 | 128)
        value >>= 7
    return bytes([*digits, value])
