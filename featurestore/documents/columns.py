"""The common type of kept columns whose types differ: one that holds every value of all of them, or text.

Types decide, never values: an outlier of one night does not change the type of a column. The order of the types does
not matter: compacting some segments changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import reduce

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as kinds

from encore.featurestore.documents.column_text import is_list, list_parts, plain_values, texts

TEXT = pa.string()
MAX_DIGITS = 76
"""Maximum number of digits of a decimal in Arrow."""
DIGITS_128 = 38
"""Maximum number of digits of a decimal of 128 bits."""

_LAYOUTS = {
    pa.large_string(): TEXT,
    pa.string_view(): TEXT,
    pa.large_binary(): pa.binary(),
    pa.binary_view(): pa.binary(),
    pa.binary(0): pa.binary(),
    pa.date64(): pa.date32(),
}
_UINTS = (pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64())
_INTS = (pa.int8(), pa.int16(), pa.int32(), pa.int64())
_FLOATS = (pa.float16(), pa.float32(), pa.float64())
_NUMBERS = (*_UINTS, *_INTS, *_FLOATS)
_WIDER = {
    **{value: {*_UINTS[place:], *_INTS[place + 1 :], *_FLOATS[place + 1 :]} for place, value in enumerate(_UINTS)},
    **{value: {*_INTS[place:], *_FLOATS[place:]} for place, value in enumerate(_INTS)},
    **{value: {*_FLOATS[place:]} for place, value in enumerate(_FLOATS)},
}
"""Number type → the types that hold all its values, itself among them. An unsigned type becomes a float only by way
of the signed type that holds it. If uint8 became float16 directly, the order of joining would matter."""


def promoted(types: Iterable[pa.DataType]) -> pa.DataType:
    """The smallest type that holds every value of these types, or text where there is none.

    Parquet can store it: text, bytes and lists have one layout each, and a dictionary is replaced by its values. A null
    type gives way to any other. Lists, maps, and structs with the same fields are joined by their inner types. If an
    inner value would become text, the whole column becomes JSON.
    """
    return reduce(_joined, map(_stored, types), pa.null())


def promote(column: pa.Array | pa.ChunkedArray, wanted: pa.DataType) -> pa.Array | pa.ChunkedArray:
    """A column as a type that `promoted` has found for its own type and others."""
    if isinstance(column, pa.ChunkedArray):
        return pa.chunked_array([_promote(chunk, wanted) for chunk in column.chunks], wanted)
    return _promote(column, wanted)


def as_stored(column: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    """A column in the type in which a store keeps it."""
    return promote(column, promoted([column.type]))


def differ(one: pa.ChunkedArray, other: pa.ChunkedArray) -> npt.NDArray[np.bool_]:
    """(n,) bool: whether two columns hold different values, as the type that `promoted` finds for both.

    Null equals only null, and NaN equals NaN.
    """
    wanted = promoted([one.type, other.type])
    one, other = promote(one, wanted), promote(other, wanted)
    if one.equals(other):
        return np.zeros(len(one), bool)
    # pyarrow cannot compare lists, structs and NaN, so their texts are compared.
    mine, its = (pa.chunked_array(map(texts, column.chunks), TEXT) for column in (one, other))
    unequal = pc.fill_null(pc.not_equal(mine, its), False)
    found: npt.NDArray[np.bool_] = pc.or_(unequal, pc.xor(mine.is_null(), its.is_null())).to_numpy()
    return found


def _stored(value: pa.DataType) -> pa.DataType:
    found = _plain(value)
    return TEXT if found is None else found


def _plain(value: pa.DataType) -> pa.DataType | None:
    """The one type that stands for all ways to lay out the same values; None where Parquet has none for them."""
    if isinstance(value, pa.BaseExtensionType):
        return _plain(value.storage_type)
    if kinds.is_dictionary(value) or kinds.is_run_end_encoded(value):
        return _plain(value.value_type)
    return _plain_nested(value) if kinds.is_nested(value) else _plain_leaf(value)


def _plain_leaf(value: pa.DataType) -> pa.DataType | None:
    # Parquet has no unit of seconds, and a number of seconds may be too large in milliseconds.
    in_seconds = (kinds.is_timestamp(value) or kinds.is_time(value)) and value.unit == "s"
    if in_seconds or kinds.is_interval(value):
        return None
    if kinds.is_decimal(value):
        return _decimal(value.precision - value.scale, value.scale)
    return _LAYOUTS.get(value, value)


def _plain_nested(value: pa.DataType) -> pa.DataType | None:
    if is_list(value):
        inner = _plain(value.value_type)
        return None if inner is None else pa.list_(inner)
    if kinds.is_map(value):
        key, item = _plain(value.key_type), _plain(value.item_type)
        return None if key is None or item is None else pa.map_(key, item)
    if kinds.is_struct(value) and value.num_fields:
        fields = [(field.name, _plain(field.type)) for field in value]
        return None if any(inner is None for _, inner in fields) else pa.struct(fields)
    return None


def _decimal(whole: int, scale: int) -> pa.DataType | None:
    """The decimal type with ``whole`` digits before the point and ``scale`` after it; None if that is too many."""
    # Parquet has no negative scale, which stands for zeros before the point.
    scale = max(scale, 0)
    digits = max(whole + scale, 1)
    if digits > MAX_DIGITS:
        return None
    return pa.decimal128(digits, scale) if digits <= DIGITS_128 else pa.decimal256(digits, scale)


def _joined(one: pa.DataType, other: pa.DataType) -> pa.DataType:
    """The smallest type that holds the values of two plain ones; text where there is none."""
    if one == other or kinds.is_null(other):
        return one
    if kinds.is_null(one):
        return other
    if one in _WIDER and other in _WIDER:
        wider = _WIDER[one] & _WIDER[other]
        if wider:
            return next(value for value in _NUMBERS if value in wider)
    found = _joined_decimals(one, other) or _joined_nested(one, other)
    if found is None and _are(kinds.is_timestamp, one, other) and one.unit == other.unit and one.tz and other.tz:
        found = pa.timestamp(one.unit, "UTC")
    if found is None and all(kinds.is_binary(it) or kinds.is_fixed_size_binary(it) for it in (one, other)):
        found = pa.binary()
    return TEXT if found is None else found


def _joined_decimals(one: pa.DataType, other: pa.DataType) -> pa.DataType | None:
    if not all(kinds.is_integer(it) or kinds.is_decimal(it) for it in (one, other)):
        return None
    digits = [_digits(it) for it in (one, other)]
    return _decimal(max(whole for whole, _ in digits), max(scale for _, scale in digits))


def _digits(value: pa.DataType) -> tuple[int, int]:
    """Digits before and after the point.

    An integer counts as the longest integer type, so that the order of joining does not matter.
    """
    if kinds.is_decimal(value):
        return value.precision - value.scale, value.scale
    return 20 if value == pa.uint64() else 19, 0


def _joined_nested(one: pa.DataType, other: pa.DataType) -> pa.DataType | None:
    if _are(kinds.is_list, one, other):
        inner = _joined_inside(one.value_type, other.value_type)
        return None if inner is None else pa.list_(inner)
    if _are(kinds.is_map, one, other):
        key, item = _joined_inside(one.key_type, other.key_type), _joined_inside(one.item_type, other.item_type)
        return None if key is None or item is None else pa.map_(key, item)
    if _are(kinds.is_struct, one, other) and [field.name for field in one] == [field.name for field in other]:
        fields = [(mine.name, _joined_inside(mine.type, its.type)) for mine, its in zip(one, other, strict=True)]
        return None if any(inner is None for _, inner in fields) else pa.struct(fields)
    return None


def _joined_inside(one: pa.DataType, other: pa.DataType) -> pa.DataType | None:
    """As `_joined`; None if a value that is not text would become text: JSON keeps the two apart."""
    found = _joined(one, other)
    made_text = found == TEXT and not {one, other} <= {TEXT, pa.null()}
    return None if made_text else found


def _are(is_kind: Callable[[pa.DataType], bool], one: pa.DataType, other: pa.DataType) -> bool:
    return is_kind(one) and is_kind(other)


def _promote(array: pa.Array, wanted: pa.DataType) -> pa.Array:
    array = plain_values(array)
    if array.type == wanted:
        return array
    if kinds.is_null(array.type):
        return pa.nulls(len(array), wanted)
    if wanted == TEXT:
        return texts(array)
    if kinds.is_list(wanted) or kinds.is_map(wanted):
        return _promote_lists(array, wanted)
    if kinds.is_struct(wanted):
        parts = [_promote(part, field.type) for part, field in zip(array.flatten(), wanted, strict=True)]
        return pa.StructArray.from_arrays(parts, fields=list(wanted), mask=array.is_null())
    # Only the zone of a timestamp changes, and a view needs no time zone database.
    return array.view(wanted) if kinds.is_timestamp(wanted) else array.cast(wanted)


def _promote_lists(array: pa.Array, wanted: pa.DataType) -> pa.Array:
    ends, values = list_parts(array)
    offsets = pa.array(ends, pa.int32())
    if kinds.is_map(wanted):
        keys, items = values.flatten()
        promoted_parts = (_promote(keys, wanted.key_type), _promote(items, wanted.item_type))
        return pa.MapArray.from_arrays(offsets, *promoted_parts, type=wanted, mask=array.is_null())
    return pa.ListArray.from_arrays(offsets, _promote(values, wanted.value_type), type=wanted, mask=array.is_null())
