"""Which types of columns are taken for ids, texts and other values, whatever their layout."""

from __future__ import annotations

import pyarrow as pa

from encore.featurestore.errors import UsageError
from encore.tablefiles.contract import ColumnSelection

LAYOUTS = {
    pa.large_string(): pa.string(),
    pa.string_view(): pa.string(),
    pa.large_binary(): pa.binary(),
    pa.binary_view(): pa.binary(),
}


def check_schema(uri: str, schema: pa.Schema, wanted: ColumnSelection) -> None:
    """Check that a file has the wanted columns, and that ids, texts and labels have fitting types.

    Raises:
        UsageError: a column is missing, or holds something else.
    """
    wanted.require(uri, schema.names)
    _require(uri, schema.field(wanted.key), integers=True)
    for name in wanted.texts:
        _require(uri, schema.field(name), integers=False)
    for name in wanted.labels:
        _require(uri, schema.field(name), integers=True, booleans=True)


def plain_type(kind: pa.DataType) -> pa.DataType:
    """The one type that stands for all ways to lay out the same text; of other types, the type itself."""
    if pa.types.is_dictionary(kind) or pa.types.is_run_end_encoded(kind):
        return plain_type(kind.value_type)
    if isinstance(kind, pa.BaseExtensionType):
        stored = plain_type(kind.storage_type)
        return stored if is_text(stored) else kind
    return LAYOUTS.get(kind, kind)


def is_text(kind: pa.DataType) -> bool:
    """Whether a plain type is text or binary, or has nulls only."""
    return kind in (pa.string(), pa.binary(), pa.null())


def _require(uri: str, field: pa.Field, *, integers: bool, booleans: bool = False) -> None:
    kind = plain_type(field.type)
    taken = is_text(kind) or (integers and pa.types.is_integer(kind)) or (booleans and pa.types.is_boolean(kind))
    if not taken:
        expected = "text or integers" if integers else "text"
        # pandas makes floats of a column of integers that lacks a value.
        expected += "; cast whole numbers to integers" if integers and pa.types.is_floating(kind) else ""
        raise UsageError(f"{uri}: column {field.name} holds {field.type}, expected {expected}")
