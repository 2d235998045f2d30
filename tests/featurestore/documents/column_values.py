"""Random columns of any Arrow type, and what their values are: read back from an array, and read from a text."""

from __future__ import annotations

import json
import math
import re
from datetime import date
from decimal import Context, Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.types as kinds
from hypothesis import strategies as st

Scalar = Any

_PARTS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_EPOCH = date(1970, 1, 1)
_EXACT = Context(prec=100)

LEAVES = (
    pa.null(),
    pa.bool_(),
    *(getattr(pa, f"{sign}int{bits}")() for sign in ("", "u") for bits in (8, 16, 32, 64)),
    pa.float16(),
    pa.float32(),
    pa.float64(),
    pa.decimal32(9, 2),
    pa.decimal64(18, 18),
    pa.decimal128(5, 2),
    pa.decimal128(38, 10),
    pa.decimal128(5, -2),
    pa.decimal256(76, 3),
    pa.decimal256(76, 70),
    pa.string(),
    pa.large_string(),
    pa.string_view(),
    pa.binary(),
    pa.large_binary(),
    pa.binary_view(),
    pa.binary(0),
    pa.binary(3),
    pa.date32(),
    pa.date64(),
    *(pa.timestamp(unit, zone) for unit in _PARTS for zone in (None, "UTC", "Europe/Berlin", "Nowhere/Land")),
    pa.time32("s"),
    pa.time32("ms"),
    pa.time64("us"),
    pa.time64("ns"),
    *(pa.duration(unit) for unit in _PARTS),
)
"""Types that hold no others."""


def arrow_types() -> st.SearchStrategy[pa.DataType]:
    """Nearly any type that pyarrow makes from Python values."""
    leaves = st.sampled_from(LEAVES)

    def nested(inner: st.SearchStrategy[pa.DataType]) -> st.SearchStrategy[pa.DataType]:
        lists = st.sampled_from([pa.list_, pa.large_list, pa.list_view, pa.large_list_view, lambda it: pa.list_(it, 2)])
        structs = st.lists(inner, max_size=2)
        keys = st.sampled_from([pa.string(), pa.int16(), pa.timestamp("ns")])
        return st.one_of(
            st.builds(lambda make, it: make(it), lists, inner),
            structs.map(lambda fields: pa.struct([(f"é{i}", it) for i, it in enumerate(fields)])),
            st.builds(pa.map_, keys, inner),
        )

    flat = [it for it in LEAVES if kinds.is_string(it) or kinds.is_integer(it)]
    dictionaries = st.sampled_from(flat).map(lambda it: pa.dictionary(pa.int8(), it))
    return st.recursive(leaves | dictionaries, nested, max_leaves=3)


@st.composite
def arrays(draw: st.DrawFn, value: pa.DataType) -> pa.Array:
    """One to four values of a type, nulls among them, perhaps sliced out of more."""
    cells = draw(st.lists(st.none() | _values(value), min_size=1, max_size=5))
    if kinds.is_dictionary(value):
        array = pa.array(cells, value.value_type).dictionary_encode()
    else:
        array = pa.array(cells, value)
    return array.slice(draw(st.integers(0, len(cells) - 1)))


def _values(value: pa.DataType) -> st.SearchStrategy[Any]:  # noqa: C901, PLR0911, PLR0912 (one line a kind)
    if kinds.is_null(value):
        return st.none()
    if kinds.is_boolean(value):
        return st.booleans()
    if kinds.is_integer(value):
        info = np.iinfo(str(value))
        return st.integers(int(info.min), int(info.max))
    if kinds.is_floating(value):
        floats = st.floats(width=value.bit_width)
        return floats.map(np.float16) if kinds.is_float16(value) else floats
    if kinds.is_decimal(value):
        digits = 10**value.precision - 1
        return st.integers(-digits, digits).map(lambda n: Decimal(n).scaleb(-value.scale, context=_EXACT))
    if kinds.is_fixed_size_binary(value):
        return st.binary(min_size=value.byte_width, max_size=value.byte_width)
    if value in (pa.binary(), pa.large_binary(), pa.binary_view()):
        return st.binary(max_size=3)
    if value in (pa.string(), pa.large_string(), pa.string_view()):
        return st.text(max_size=3)
    if kinds.is_dictionary(value):
        return _values(value.value_type)
    if kinds.is_date32(value):
        return st.integers(_days(1), _days(9999))
    if kinds.is_date64(value):
        return st.integers(_days(1), _days(9999)).map(lambda days: days * 86_400_000)
    if kinds.is_timestamp(value):
        part = _PARTS[value.unit] * 86_400
        first, last = (-(2**63), 2**63 - 1) if value.unit == "ns" else (_days(1) * part, _days(9999) * part)
        return st.integers(first, last)
    if kinds.is_time(value):
        return st.integers(0, 86_400 * _PARTS[value.unit] - 1)
    if kinds.is_duration(value):
        return st.integers(-(2**63), 2**63 - 1)
    if kinds.is_map(value):
        keys = _values(value.key_type)
        return st.lists(st.tuples(keys, st.none() | _values(value.item_type)), max_size=2)
    if kinds.is_struct(value):
        return st.fixed_dictionaries({field.name: st.none() | _values(field.type) for field in value})
    size = value.list_size if kinds.is_fixed_size_list(value) else None
    return st.lists(st.none() | _values(value.value_type), min_size=size or 0, max_size=2 if size is None else size)


def _days(year: int) -> int:
    return (date(year, 1, 1) - _EPOCH).days


def raw(scalar: Scalar) -> Any:  # noqa: PLR0911 (one line a kind)
    """A value without its layout: dates and times as counts, which Python's own do not hold to the nanosecond."""
    value = scalar.type
    if not scalar.is_valid:
        return None
    if kinds.is_dictionary(value):
        return raw(scalar.value)
    if kinds.is_date64(value):
        return scalar.value // 86_400_000
    if kinds.is_temporal(value):
        return scalar.value
    if kinds.is_map(value):
        return [[raw(entry["key"]), raw(entry["value"])] for entry in _entries(scalar)]
    if kinds.is_struct(value):
        return {field.name: raw(scalar[field.name]) for field in value}
    if kinds.is_nested(value):
        return [raw(inner) for inner in scalar.values]
    return scalar.as_py()


def _entries(scalar: Scalar) -> list[dict[str, Any]]:
    keys, items = scalar.values.flatten()
    return [{"key": key, "value": item} for key, item in zip(keys, items, strict=True)]


def read(text: Any, value: pa.DataType) -> Any:
    """What `raw` gives of the value of a type that a text stands for; nested ones stand as JSON."""
    if text is None:
        return None
    if kinds.is_nested(value):
        return _read_json(json.loads(text, parse_float=str, parse_int=str), value)
    return _read_leaf(str(text), value)


def _read_json(found: Any, value: pa.DataType) -> Any:
    if found is None:
        return None
    if kinds.is_map(value):
        return [[_read_json(key, value.key_type), _read_json(item, value.item_type)] for key, item in found]
    if kinds.is_struct(value):
        assert list(found) == [field.name for field in value]
        return {field.name: _read_json(found[field.name], field.type) for field in value}
    if kinds.is_nested(value):
        return [_read_json(inner, value.value_type) for inner in found]
    return found if isinstance(found, bool) else _read_leaf(found, value)


def _read_leaf(text: str, value: pa.DataType) -> Any:  # noqa: PLR0911 (one line a kind)
    if kinds.is_dictionary(value):
        return _read_leaf(text, value.value_type)
    if kinds.is_boolean(value):
        return {"true": True, "false": False}[text]
    if kinds.is_integer(value) or kinds.is_decimal(value):
        return Decimal(text)
    if kinds.is_floating(value):
        return float(np.dtype(f"f{value.bit_width // 8}").type(text))
    if kinds.is_fixed_size_binary(value) or value in (pa.binary(), pa.large_binary(), pa.binary_view()):
        return bytes.fromhex(text)
    if kinds.is_date(value):
        return (date.fromisoformat(text) - _EPOCH).days
    if kinds.is_timestamp(value):
        day, _, clock = text.partition("T")
        assert clock.endswith("Z") == (value.tz is not None)
        days = (date.fromisoformat(day) - _EPOCH).days
        return days * 86_400 * _PARTS[value.unit] + _clock(clock.removesuffix("Z"), _PARTS[value.unit])
    if kinds.is_time(value):
        return _clock(text, _PARTS[value.unit])
    if kinds.is_duration(value):
        found = re.fullmatch(r"PT(-?[0-9.]+)S", text)
        assert found is not None
        return int(_EXACT.multiply(Decimal(found[1]), Decimal(_PARTS[value.unit])))
    return text


def _clock(text: str, part: int) -> int:
    hours, minutes, seconds = text.split(":")
    return (int(hours) * 60 + int(minutes)) * 60 * part + int(Decimal(seconds) * part)


def same(one: Any, other: Any) -> bool:
    """Whether two values are equal, NaN being itself."""
    if isinstance(one, list):
        return isinstance(other, list) and len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return isinstance(other, dict) and list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, float) and math.isnan(one):
        return isinstance(other, float) and math.isnan(other)
    return bool(one == other)
