"""Column values as bytes and as text: everything is read as bytes first, and taken for text once it is known to be."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Mask = npt.NDArray[np.bool_]


MAX_VALUE_BYTES = 64 << 20
"""A longer id or text is a fault of its row."""


def as_bytes(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Text, binary, integer or boolean values of any layout as large binary.

    Integers become their decimal text, booleans ``true`` or ``false``.
    """
    # Chunk by chunk: their dictionaries may differ, and joined ones overflow small indices and 32-bit offsets.
    chunks = column.chunks if isinstance(column, pa.ChunkedArray) else [column]
    parts = [_large(chunk) for chunk in chunks]
    if len(parts) == 1:
        return parts[0]
    return pa.concat_arrays(parts) if parts else pa.array([], pa.large_binary())


def _large(values: pa.Array) -> pa.Array:
    kind = values.type
    if isinstance(kind, pa.BaseExtensionType):
        return _large(values.storage)
    if pa.types.is_dictionary(kind):
        return _large(values.dictionary).take(values.indices)
    if pa.types.is_run_end_encoded(kind):
        return _large(values.values).take(pa.array(_run_of_each(values)))
    if pa.types.is_integer(kind) or pa.types.is_boolean(kind):
        values = values.cast(pa.string())
    return values.cast(pa.large_binary())


def _run_of_each(values: pa.RunEndEncodedArray) -> npt.NDArray[np.int64]:
    """(n,) int64: which run each value lies in."""
    places = np.arange(values.offset, values.offset + len(values))
    return np.searchsorted(values.run_ends.to_numpy(), places, side="right").astype(np.int64)


def byte_lengths(values: pa.Array) -> npt.NDArray[np.int64]:
    """(n,) int64: bytes of each text or binary value, 0 for nulls; repeated values are not decoded."""
    kind = values.type
    if isinstance(kind, pa.BaseExtensionType):
        return byte_lengths(values.storage)
    if pa.types.is_dictionary(kind):
        places = values.indices.cast(pa.int64()).fill_null(-1).to_numpy(zero_copy_only=False)
        # A null has no place in the dictionary: it gets −1, the last place, which holds the length 0.
        return np.asarray(np.append(byte_lengths(values.dictionary), 0)[places])
    if pa.types.is_run_end_encoded(kind):
        return byte_lengths(values.values)[_run_of_each(values)]
    if pa.types.is_null(kind):
        return np.zeros(len(values), np.int64)
    if pa.types.is_string_view(kind) or pa.types.is_binary_view(kind):
        # No kernel supports views. A view is 16 bytes, of which the first four are the length.
        views = np.frombuffer(values.buffers()[1], np.int32).reshape(-1, 4)[values.offset :][: len(values)]
        return np.where(is_null(values), 0, views[:, 0]).astype(np.int64)
    return np.asarray(pc.binary_length(values).fill_null(0).to_numpy(zero_copy_only=False), np.int64)


def text_values(column: pa.Array | pa.ChunkedArray) -> tuple[pa.Array, Mask]:
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
        # A copy, since pyarrow also checks what lies beside a slice.
        values.take(pa.array(np.arange(len(values)))).validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def _invalid_rows(values: pa.Array, valid: Callable[[pa.Array], bool]) -> list[int]:
    """Positions of invalid rows, found by halving: a few checks for each of them, none in parts that are sound."""
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
