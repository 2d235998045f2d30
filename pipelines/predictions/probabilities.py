"""Probabilities with the names of their classes, for readers of a file who do not have the head.

Prediction files hold a list a document, in the order of the head's classes. Outside a predictions folder, a struct
or a map takes the place of the list, and names the class of each probability.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

MAP = pa.map_(pa.string(), pa.float32())
"""Class → its probability."""
STRUCT_CLASSES = 256
"""The most classes of a struct. Each class is a column of the file, and the footer describes it in each row group."""


def as_map(lists: pa.ListArray, classes: Sequence[str]) -> pa.MapArray:
    """Lists of probabilities as maps from class to probability; null where the list is."""
    held = lists.is_valid().to_numpy(zero_copy_only=False)
    ends = pa.array(np.concatenate([[0], np.cumsum(held)]) * len(classes), pa.int32())
    places = np.tile(np.arange(len(classes)), np.count_nonzero(held))
    keys = pa.array(classes, pa.string()).take(pa.array(places))
    return pa.MapArray.from_arrays(ends, keys, lists.flatten(), type=MAP, mask=pa.array(~held))


def as_struct(lists: pa.ListArray, classes: Sequence[str]) -> pa.StructArray:
    """Lists of probabilities as structs with a field for each class; null where the list is."""
    held = lists.is_valid().to_numpy(zero_copy_only=False)
    values = np.zeros((len(classes), len(lists)), np.float32)
    values[:, held] = lists.flatten().to_numpy().reshape(-1, len(classes)).T
    return pa.StructArray.from_arrays([pa.array(row) for row in values], list(classes), mask=pa.array(~held))


def fits_struct(classes: Sequence[str]) -> bool:
    """Whether every reader can tell the classes apart as fields of a struct.

    Some readers ignore the case of field names: for ``Sports`` and ``sports`` DuckDB gives the first for both, without
    an error. The keys of a map are values, so their case counts.
    """
    return len(classes) <= STRUCT_CLASSES and len({name.casefold() for name in classes}) == len(classes)


def with_classes(lists: pa.ListArray, classes: Sequence[str]) -> pa.Array:
    """Lists of probabilities as structs if `fits_struct`, else as maps."""
    return as_struct(lists, classes) if fits_struct(classes) else as_map(lists, classes)


def with_classes_type(classes: Sequence[str]) -> pa.DataType:
    """The type of what `with_classes` gives."""
    return pa.struct([(name, pa.float32()) for name in classes]) if fits_struct(classes) else MAP
