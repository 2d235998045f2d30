"""Arrow values of any type as text, for columns that have no type in common.

A number is its decimal digits, a date or time ISO 8601, bytes are hex digits, a list, struct or map is JSON. No value
becomes a Python date or time on the way: these hold no nanoseconds, and no year beyond 9999.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as kinds

from encore.featurestore.documents.ragged_arrays import offsets_of

PARTS_OF_A_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}

Texts = list[str | None]


def texts(array: pa.Array) -> pa.Array:
    """Each value as text, null where it is null.

    Text stays as it is. Numbers have the digits of their own type: decimals their full scale, floats as many digits as
    tell them from the next float, or ``NaN``, ``Infinity``. Timestamps with a zone are given in UTC, with a ``Z``.
    """
    array = plain_values(array)
    if kinds.is_nested(array.type):
        return pa.array(_json(array), pa.string())
    return array if array.type == pa.string() else pa.array(_spread(array, _form(array.type)), pa.string())


def plain_values(array: pa.Array) -> pa.Array:
    """The array in a plain layout: no extension types, dictionaries, run ends or views."""
    while True:
        if isinstance(array, pa.ExtensionArray):
            array = array.storage
        elif isinstance(array, pa.DictionaryArray):
            array = _wide(plain_values(array.dictionary)).take(array.indices)
        elif isinstance(array, pa.RunEndEncodedArray):
            array = pc.run_end_decode(array)
        elif kinds.is_string_view(array.type) or kinds.is_binary_view(array.type):
            # Most of pyarrow's kernels do not support views.
            array = array.cast(pa.large_string() if kinds.is_string_view(array.type) else pa.large_binary())
        else:
            return array


def _wide(values: pa.Array) -> pa.Array:
    """Text and bytes with 64-bit offsets: repeated values overflow 32-bit offsets, and pyarrow does not check."""
    wide = {pa.string(): pa.large_string(), pa.binary(): pa.large_binary()}.get(values.type)
    return values if wide is None else values.cast(wide)


def is_list(value: pa.DataType) -> bool:
    """Whether a type is a list, in any layout. A map is not a list."""
    lists = (kinds.is_list, kinds.is_large_list, kinds.is_fixed_size_list, kinds.is_list_view, kinds.is_large_list_view)
    return any(is_kind(value) for is_kind in lists)


def list_parts(array: pa.Array) -> tuple[npt.NDArray[np.int64], pa.Array]:
    """(n + 1,) int64 offsets of the lists, where a null list is empty; and the values of all lists."""
    if kinds.is_map(array.type):
        entries = pa.StructArray.from_arrays(
            [array.keys, array.items], fields=[array.type.key_field, array.type.item_field]
        )
        buffers = array.buffers()[:2]
        array = pa.ListArray.from_buffers(
            pa.list_(entries.type), len(array), buffers, offset=array.offset, children=[entries]
        )
    lengths = pc.fill_null(pc.list_value_length(array), 0).to_numpy(zero_copy_only=False)
    return offsets_of(lengths), array.flatten()


def _spread(array: pa.Array, form: Callable[[pa.Array], list[str]]) -> Texts:
    """``form`` applied to the values that are not null; None for nulls."""
    found = iter(form(array.drop_null()))
    return [next(found) if valid else None for valid in array.is_valid().to_pylist()]


def _where_valid(array: pa.Array, cells: list[str]) -> Texts:
    return [cell if valid else None for cell, valid in zip(cells, array.is_valid().to_pylist(), strict=True)]


def _json(array: pa.Array) -> Texts:
    """Each value as JSON; None for null."""
    array = plain_values(array)
    value = array.type
    if kinds.is_null(value):
        return [None] * len(array)
    if is_list(value) or kinds.is_map(value):
        return _where_valid(array, _lists(array))
    if kinds.is_struct(value):
        return _where_valid(array, _structs(array))
    if kinds.is_union(value):
        return [_json_of_scalar(scalar.value) for scalar in array]
    cells = _spread(array, _form(value))
    bare = kinds.is_integer(value) or kinds.is_decimal(value) or kinds.is_boolean(value)
    numbers = kinds.is_floating(value)
    return [
        cell if cell is None or bare or (numbers and cell not in NOT_NUMBERS) else json.dumps(cell, ensure_ascii=False)
        for cell in cells
    ]


def _json_of_scalar(scalar: pa.Scalar | None) -> str | None:
    return None if scalar is None else _json(pa.array([scalar], scalar.type))[0]


def _lists(array: pa.Array) -> list[str]:
    ends, values = list_parts(array)
    if kinds.is_map(array.type):
        # A map is written as pairs: a key need not be a string, and may come twice.
        cells = [f"[{key}, {_or_null(item)}]" for key, item in zip(*map(_json, values.flatten()), strict=True)]
    else:
        cells = [_or_null(cell) for cell in _json(values)]
    return [f"[{', '.join(cells[start:stop])}]" for start, stop in pairwise(ends.tolist())]


def _structs(array: pa.Array) -> list[str]:
    names = [json.dumps(field.name, ensure_ascii=False) for field in array.type]
    columns = [[f"{name}: {_or_null(cell)}" for cell in _json(part)] for name, part in zip(names, array.flatten())]  # noqa: B905 (both are the type's fields)
    return [f"{{{', '.join(cells)}}}" for cells in zip(*columns, strict=True)] if columns else ["{}"] * len(array)


def _or_null(cell: str | None) -> str:
    return "null" if cell is None else cell


NOT_NUMBERS = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}
NOT_NUMBERS |= {text: text for text in NOT_NUMBERS.values()}


def _form(value: pa.DataType) -> Callable[[pa.Array], list[str]]:
    """How values of a type that is not nested are written, none of them null."""
    for is_kind, form in _FORMS:
        if is_kind(value):
            return form
    return _cast


def _cast(array: pa.Array) -> list[str]:
    return array.cast(pa.string()).to_pylist()  # type: ignore[no-any-return]


def _strings(array: pa.Array) -> list[str]:
    # Old stores did not check that text inside lists is UTF-8.
    return [value.decode(errors="backslashreplace") for value in array.cast(pa.large_binary()).to_pylist()]


def _hex(array: pa.Array) -> list[str]:
    return [value.hex() for value in array.to_pylist()]


def _floats(array: pa.Array) -> list[str]:
    return [NOT_NUMBERS.get(text, text.removesuffix(".0")) for text in array.to_numpy().astype(str).tolist()]


def _decimals(array: pa.Array) -> list[str]:
    values: list[Decimal] = array.to_pylist()
    return [format(value, "f") for value in values]


def _intervals(array: pa.Array) -> list[str]:
    return [f"P{months}M{days}DT{_seconds(nanoseconds, 10**9)}S" for months, days, nanoseconds in array.to_pylist()]


def _durations(array: pa.Array) -> list[str]:
    part = PARTS_OF_A_SECOND[array.type.unit]
    return [f"PT{_seconds(count, part)}S" for count in _integers(array)]


def _times(array: pa.Array) -> list[str]:
    part = PARTS_OF_A_SECOND[array.type.unit]
    return [_clock(count, part) for count in _integers(array)]


def _dates(array: pa.Array) -> list[str]:
    return list(_days(np.array(_integers(array), np.int64) // (1 if kinds.is_date32(array.type) else 86_400_000)))


def _timestamps(array: pa.Array) -> list[str]:
    part = PARTS_OF_A_SECOND[array.type.unit]
    days, rest = np.divmod(np.array(_integers(array), np.int64), part * 86_400)
    zone = "Z" if array.type.tz else ""
    return [f"{day}T{_clock(count, part)}{zone}" for day, count in zip(_days(days), rest.tolist(), strict=True)]


def _integers(array: pa.Array) -> list[int]:
    return array.view(pa.int32() if array.type.bit_width == 32 else pa.int64()).to_pylist()  # type: ignore[no-any-return]


def _days(days: npt.NDArray[np.int64]) -> Iterator[str]:
    """ISO dates of days since 1970-01-01; years outside 0 to 9999 have a sign."""
    dates = days.astype("M8[D]")
    months = dates.astype("M8[M]")
    years = months.astype("M8[Y]").astype(np.int64) + 1970
    in_year = months.astype(np.int64) % 12 + 1
    in_month = (dates - months.astype("M8[D]")).astype(np.int64) + 1
    for year, month, day in zip(years.tolist(), in_year.tolist(), in_month.tolist(), strict=True):
        shown = f"{year:04}" if 0 <= year <= 9999 else f"{year:+05}"
        yield f"{shown}-{month:02}-{day:02}"


def _clock(count: int, part: int) -> str:
    """Hours, minutes and seconds; ``part`` of ``count`` are a second."""
    minutes, rest = divmod(abs(count), 60 * part)
    hours, minute = divmod(minutes, 60)
    seconds = _seconds(rest, part)
    return f"{'-' if count < 0 else ''}{hours:02}:{minute:02}:{'0' if rest < 10 * part else ''}{seconds}"


def _seconds(count: int, part: int) -> str:
    whole, rest = divmod(abs(count), part)
    fraction = f".{rest:0{len(str(part)) - 1}}".rstrip("0") if rest else ""
    return f"{'-' if count < 0 else ''}{whole}{fraction}"


_FORMS: tuple[tuple[Callable[[pa.DataType], bool], Callable[[pa.Array], list[str]]], ...] = (
    (kinds.is_string, _strings),
    (kinds.is_large_string, _strings),
    (kinds.is_binary, _hex),
    (kinds.is_large_binary, _hex),
    (kinds.is_fixed_size_binary, _hex),
    (kinds.is_floating, _floats),
    (kinds.is_decimal, _decimals),
    (kinds.is_date, _dates),
    (kinds.is_timestamp, _timestamps),
    (kinds.is_time, _times),
    (kinds.is_duration, _durations),
    (kinds.is_interval, _intervals),
)
