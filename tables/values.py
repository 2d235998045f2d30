"""Column values as bytes and as text: everything is read as bytes first, and taken for text once it is known to be."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Mask = npt.NDArray[np.bool_]


def as_bytes(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Text, binary, dictionary-encoded, integer or boolean values as large binary.

    Integers become their decimal text, booleans ``true`` or ``false``.
    """
    if isinstance(column, pa.ChunkedArray):
        column = pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
    if pa.types.is_integer(column.type) or pa.types.is_boolean(column.type):
        column = column.cast(pa.string())
    return column.cast(pa.large_binary())


def as_text(column: pa.Array | pa.ChunkedArray) -> tuple[pa.Array, Mask]:
    """Values as large strings.

    Returns:
        The texts, null where a value is null or invalid UTF-8; and (n,) bool: where it is invalid UTF-8.
    """
    values = as_bytes(column)
    invalid = np.zeros(len(values), bool)
    if _is_utf8(values):
        return values.cast(pa.large_string()), invalid
    invalid[_invalid_rows(values, _is_utf8)] = True
    # Taken, not masked: some of pyarrow's kernels look at the bytes below a null.
    cleared = values.take(pa.array(np.arange(len(values)), mask=invalid))
    return cleared.cast(pa.large_string()), invalid


def is_null(values: pa.Array) -> Mask:
    """(n,) bool: where there is no value."""
    return _mask(values.is_null())


def is_empty(values: pa.Array) -> Mask:
    """(n,) bool: where the value has no bytes."""
    return _mask(pc.equal(pc.binary_length(values), 0))


def is_blank(texts: pa.Array) -> Mask:
    """(n,) bool: where the text is Unicode white space only, and not empty."""
    return _mask(pc.utf8_is_space(texts))


def _mask(values: pa.Array) -> Mask:
    return np.asarray(values.fill_null(False).to_numpy(zero_copy_only=False), dtype=bool)


def _is_utf8(values: pa.Array) -> bool:
    try:
        values.cast(pa.large_string())
    except pa.ArrowInvalid:
        return False
    return True


def invalid_inside(column: pa.Array | pa.ChunkedArray) -> Mask:
    """(n,) bool: where a list, map or struct holds text that is invalid UTF-8."""
    values = pa.concat_arrays(column.chunks) if isinstance(column, pa.ChunkedArray) else column
    invalid = np.zeros(len(values), bool)
    if not _is_sound(values):
        invalid[_invalid_rows(values, _is_sound)] = True
    return invalid


def _is_sound(values: pa.Array) -> bool:
    try:
        # Of a slice, pyarrow looks at what lies beside it too.
        values.take(pa.array(np.arange(len(values)))).validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def _invalid_rows(values: pa.Array, valid: Callable[[pa.Array], bool]) -> list[int]:
    """Halves what is known to hold an invalid row until it is found: a few looks a row at fault, none at others."""
    found, pending = [], [(0, len(values))]
    while pending:
        start, stop = pending.pop()
        if valid(values.slice(start, stop - start)):
            continue
        if stop - start == 1:
            found.append(start)
        else:
            middle = (start + stop) // 2
            pending += [(start, middle), (middle, stop)]
    return found
