"""A reader of Thrift's compact protocol, in which Parquet's footers and page headers are written.

It has no classes and looks at most bytes once, since each read of a segment reads a footer.
"""

from __future__ import annotations

from typing import Any

TRUE, FALSE, BYTE, I16, I32, I64, DOUBLE, BINARY, LIST, SET, MAP, STRUCT = range(1, 13)

MAX_THRIFT_DEPTH = 32
"""Maximum number of levels of structs and lists within each other; Parquet's have 7 at most."""
MOST_BITS = 70
"""Maximum bits of a number: ten digits of seven bits."""


def read_struct(data: bytes, at: int = 0) -> tuple[dict[int, Any], int]:
    """The struct that begins at a place, as field number → value (floats as their bytes), and where it ends.

    Raises:
        ValueError: there is no such struct, or it is cut short.
    """
    try:
        return _struct(data, at, 0)
    except IndexError as error:
        raise ValueError("a Thrift struct is cut short") from error


def _struct(data: bytes, at: int, depth: int) -> tuple[dict[int, Any], int]:
    if depth > MAX_THRIFT_DEPTH:
        raise ValueError("Thrift structs are nested too deeply")
    fields: dict[int, Any] = {}
    number = 0
    while head := data[at]:
        at += 1
        if step := head >> 4:
            number += step
        else:
            number, at = _integer(data, at)
        if number in fields:
            raise ValueError("a field of a Thrift struct comes twice")
        kind = head & 15
        if kind in (I32, I64):
            fields[number], at = _integer(data, at)
        elif kind in (TRUE, FALSE):
            fields[number] = kind == TRUE
        else:
            fields[number], at = _value(data, at, kind, depth)
    return fields, at + 1


def _value(data: bytes, at: int, kind: int, depth: int) -> tuple[Any, int]:
    if kind in (I16, I32, I64):
        return _integer(data, at)
    if kind == BINARY:
        size, at = _unsigned(data, at)
        return _whole(data, at, size), at + size
    if kind == STRUCT:
        return _struct(data, at, depth + 1)
    if kind in (LIST, SET):
        return _list(data, at, depth + 1)
    if kind in (TRUE, FALSE, BYTE):
        return data[at], at + 1
    if kind == DOUBLE:
        return _whole(data, at, 8), at + 8
    raise ValueError(f"unknown type {kind} in a Thrift struct")


def _whole(data: bytes, at: int, size: int) -> bytes:
    found = data[at : at + size]
    if len(found) < size:
        raise IndexError
    return found


def _list(data: bytes, at: int, depth: int) -> tuple[list[Any], int]:
    if depth > MAX_THRIFT_DEPTH:
        raise ValueError("lists in a Thrift struct are nested too deeply")
    head = data[at]
    at += 1
    size, kind = head >> 4, head & 15
    if size == 15:
        size, at = _unsigned(data, at)
    values = []
    for _ in range(size):
        value, at = _value(data, at, kind, depth)
        values.append(value)
    return values, at


def _integer(data: bytes, at: int) -> tuple[int, int]:
    value = data[at]
    if value < 128:
        return value >> 1 ^ -(value & 1), at + 1
    value, at = _unsigned(data, at)
    return value >> 1 ^ -(value & 1), at


def _unsigned(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while (byte := data[at]) & 128:
        value |= (byte & 127) << shift
        shift += 7
        at += 1
        if shift >= MOST_BITS:
            raise ValueError("a number in a Thrift struct has too many digits")
    return value | byte << shift, at + 1
