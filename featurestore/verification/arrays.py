"""The arrays of one segment: their metadata agrees with the spec and the list, offsets rise, chunks can be decoded."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from encore.featurestore.errors import StoreError
from encore.featurestore.segments import GROUP_FILE
from encore.featurestore.spec import FeatureSpec
from encore.featurestore.verification.segment_objects import SegmentObjects

DECODED_BYTES = 4 << 20
"""Packed features that are decoded at a time."""


def check_arrays(segment: SegmentObjects, spec: FeatureSpec | None) -> None:
    """Check group, features and offsets; features are decoded in a deep verification alone.

    Args:
        segment: whose bytes have been compared.
        spec: of the store; None where it cannot be read.
    """
    if GROUP_FILE not in segment.bad:
        _check_group(segment, spec)
    entry = segment.entry
    shape = None if spec is None else (entry.rows, *spec.packed_shape)
    dtype = None if spec is None else spec.quantizer.dtype
    if _is_readable(segment, "features", shape, dtype, _attributes(spec)) and segment.audit.deep:
        _check_features(segment)
    if _is_readable(segment, "offsets", (entry.documents + 1,), "int64", {}):
        _check_offsets(segment)


def _check_group(segment: SegmentObjects, spec: FeatureSpec | None) -> None:
    attributes = segment.json(GROUP_FILE).get("attributes")
    if not isinstance(attributes, dict) or attributes.get("format") != "encore-segment":
        segment.wrong(GROUP_FILE, "does not say that it is a segment")
    elif spec is not None and attributes.get("fingerprint") != spec.fingerprint:
        segment.wrong(GROUP_FILE, "says that it holds features of another spec")


def _attributes(spec: FeatureSpec | None) -> Mapping[str, Any]:
    """Attributes of a feature array, as JSON gives them back."""
    if spec is None:
        return {}
    expected = {"quantizer": spec.quantizer.to_dict(), "width": spec.width, "layers": str(spec.layers)}
    attributes: dict[str, Any] = json.loads(json.dumps(expected))
    return attributes


def _is_readable(
    segment: SegmentObjects,
    name: str,
    shape: tuple[int, ...] | None,
    dtype: str | None,
    attributes: Mapping[str, Any],
) -> bool:
    """Whether an array's metadata is as expected, where something is, and all its objects are sound."""
    path = f"{name}/zarr.json"
    if path in segment.bad:
        return False
    metadata = segment.json(path)
    shards = segment.shards(name)
    try:
        problem = _metadata_problem(metadata, shape, dtype, attributes) or _shard_problem(metadata, shards)
    except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        problem = f"is not the metadata of an array: {error!r}"
    if problem is not None:
        segment.wrong(path, problem)
    return problem is None and segment.bad.isdisjoint(segment.shards(name))


def _metadata_problem(
    metadata: Mapping[str, Any], shape: tuple[int, ...] | None, dtype: str | None, attributes: Mapping[str, Any]
) -> str | None:
    found = tuple(metadata["shape"])
    if shape is not None and found != shape:
        return f"is of shape {found}, expected {shape}"
    if dtype is not None and metadata["data_type"] != dtype:
        return f"is of {metadata['data_type']}, expected {dtype}"
    differing = [key for key, value in attributes.items() if metadata.get("attributes", {}).get(key) != value]
    return f"its attributes differ from the store's spec in {', '.join(differing)}" if differing else None


def _shard_problem(metadata: Mapping[str, Any], named: list[str]) -> str | None:
    shape, shard = metadata["shape"], metadata["chunk_grid"]["configuration"]["chunk_shape"]
    if shard[1:] != shape[1:]:
        return f"has shards of shape {tuple(shard)}, which split its rows"
    shards = math.prod(-(-length // part) for length, part in zip(shape, shard, strict=True))
    return None if shards == len(named) else f"has {shards} shards, the completion record names {len(named)}"


def _check_offsets(segment: SegmentObjects) -> None:
    try:
        offsets = segment.reader.offsets()
    except StoreError as error:
        segment.audit.refused(_holder(segment, "offsets"), error)
        return
    steps, rows = np.diff(offsets), segment.entry.rows
    if offsets[0] != 0 or offsets[-1] != rows:
        segment.wrong("offsets", f"run from {offsets[0]} to {offsets[-1]}, not from 0 to {rows}")
    elif (steps < 0).any():
        segment.wrong("offsets", f"fall at document {int(np.argmax(steps < 0))}")
    elif (steps == 0).any():
        segment.wrong("offsets", f"leave document {int(np.argmax(steps == 0))} without rows")


def _check_features(segment: SegmentObjects) -> None:
    """Decode every chunk, some at a time, and look for floats that no quantizer stores."""
    rows = segment.entry.rows
    step = max(1, DECODED_BYTES * rows // max(1, segment.entry.payload_bytes))
    unsound = 0
    for start in range(0, rows, step):
        try:
            packed = segment.reader.packed(start, min(rows, start + step))
        except StoreError as error:
            segment.audit.refused(_holder(segment, "features"), error)
            return
        if packed.dtype.kind == "f":
            unsound += packed.size - int(np.count_nonzero(np.isfinite(packed)))
    if unsound:
        segment.wrong("features", f"hold {unsound} numbers that are NaN or infinite")


def _holder(segment: SegmentObjects, name: str) -> str:
    """The object that holds an array's chunks; the array itself where there are several."""
    shards = segment.shards(name)
    return segment.path(shards[0] if len(shards) == 1 else name)
