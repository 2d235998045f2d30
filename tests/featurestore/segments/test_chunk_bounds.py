"""Chunks and arrays of a store that say they are larger than its list does: refused before memory is taken."""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from encore.featurestore import Catalogue, StoreError
from encore.featurestore.format import seal
from encore.featurestore.history.store_file import read_spec
from encore.featurestore.segments.codecs import decoder
from encore.featurestore.segments.entries import SegmentEntry
from encore.featurestore.segments.records import attempt_path
from encore.featurestore.storage.objects import Objects
from tests.featurestore.building import put, spec_of
from tests.limited import exit_code_of

GIGABYTES = 12 << 30


def zstd_frame(size: int, *, told: bool) -> bytes:
    """A Zstandard frame of zeros, of 3 bytes for each 128 KiB; with or without its size."""
    head = bytes([0xE0]) + struct.pack("<Q", size) if told else bytes([0x00, 0x58])
    blocks = []
    for left in range(size, 0, -(128 << 10)):
        here = min(left, 128 << 10)
        blocks.append(struct.pack("<I", here << 3 | 1 << 1 | (here == left))[:3] + b"\0")
    return bytes.fromhex("28b52ffd") + head + b"".join(blocks)


FRAMES: dict[str, tuple[str, Callable[[], bytes]]] = {
    "zstd that says so": ("zstd", lambda: zstd_frame(GIGABYTES, told=True)),
    "zstd that says nothing": ("zstd", lambda: zstd_frame(GIGABYTES, told=False)),
    "blosc": ("blosc", lambda: struct.pack("<4B3I", 2, 1, 1, 1, (2 << 30) - 17, 1 << 20, 20) + bytes(4)),
}


@pytest.mark.parametrize("name", FRAMES)
def test_a_chunk_decodes_to_as_many_bytes_as_it_is_told(name: str) -> None:
    codec, make = FRAMES[name]
    data = np.frombuffer(make(), np.uint8)
    assert len(data) < 400_000

    def refused() -> None:
        for out in (None, np.empty(1000, np.uint8)):
            with pytest.raises((ValueError, RuntimeError)):
                decoder(codec)(data, 1000, out)

    assert exit_code_of(refused) == 0


@pytest.mark.parametrize("filled", [0, 255])
def test_a_frame_without_a_size_fills_all_that_it_is_told(filled: int) -> None:
    data = np.frombuffer(zstd_frame(900, told=False), np.uint8)
    assert decoder("zstd")(data, 900, np.full(900, filled, np.uint8)).tolist() == [0] * 900
    told = np.frombuffer(zstd_frame(900, told=True), np.uint8)
    with pytest.raises(ValueError, match="fewer than 1000 bytes"):
        decoder("zstd")(told, 1000, np.full(1000, filled, np.uint8))
    with pytest.raises((ValueError, RuntimeError)):
        decoder("zstd")(data, 1000, np.full(1000, filled, np.uint8))


@pytest.fixture
def store(tmp_path: Path) -> Catalogue:
    return put(Catalogue.create(str(tmp_path / "store"), spec_of()), {"a": "1", "b": "2"})


def with_object(store: Catalogue, below: str, data: bytes) -> SegmentEntry:
    """Replace an object of the segment, and its record, with all checksums right; the segment's new entry."""
    entry = store.entries[0]
    record = store.reader(entry).record
    objects = tuple(
        replace(stored, size=len(data), sha256=hashlib.sha256(data).hexdigest()) if stored.path == below else stored
        for stored in record.objects
    )
    record = replace(record, objects=objects)
    store.objects.put(f"{attempt_path(entry.segment, entry.attempt)}/{below}", data)
    store.objects.put(f"segments/{entry.segment}.json", record.to_bytes())
    return replace(entry, record=record.checksum)


HUGE = 10**12
SHAPES: list[tuple[str, dict[str, Any]]] = [
    ("offsets", {"shape": [HUGE], "shard": [HUGE], "chunk": [HUGE]}),
    ("offsets", {"shard": [HUGE], "chunk": [HUGE]}),
    ("features", {"shape": [HUGE, 2], "shard": [HUGE, 2], "chunk": [HUGE, 2]}),
    ("features", {"shape": [HUGE, 2], "shard": [HUGE, 2], "chunk": [1, 2]}),
    ("features", {"shard": [HUGE, 2], "chunk": [1, 2]}),
    ("features", {"shard": [HUGE, 2], "chunk": [HUGE, 2]}),
    ("features", {"shape": [-1, 2]}),
    ("features", {"shape": ["1", 2]}),
    ("features", {"shape": [1.5, 2]}),
    ("features", {"data_type": "object"}),
    ("features", {"data_type": ["uint8"]}),
    ("features", {"data_type": "1000000000u1"}),
]


@pytest.mark.parametrize(("array", "change"), SHAPES, ids=str)
def test_an_array_is_as_large_as_the_list_says(store: Catalogue, array: str, change: dict[str, Any]) -> None:
    entry = store.entries[0]
    path = f"{array}/zarr.json"
    metadata = json.loads(store.objects.get(f"{attempt_path(entry.segment, entry.attempt)}/{path}"))
    metadata["shape"] = change.get("shape", metadata["shape"])
    metadata["data_type"] = change.get("data_type", metadata["data_type"])
    grid, sharding = metadata["chunk_grid"]["configuration"], metadata["codecs"][0]["configuration"]
    grid["chunk_shape"] = change.get("shard", grid["chunk_shape"])
    sharding["chunk_shape"] = change.get("chunk", sharding["chunk_shape"])
    changed = with_object(store, path, json.dumps(metadata).encode())

    def refused() -> None:
        reader = store.reader(changed)
        with pytest.raises(StoreError, match=rf"/{path}: not an array of this format: "):
            reader.offsets() if array == "offsets" else reader.packed(0, entry.rows)

    assert exit_code_of(refused) == 0


@pytest.mark.parametrize("data", [b"{" * 10, b'{"a":' * 100_000, b"[]", b"7", b"{}"])
def test_metadata_that_is_none_is_damage(store: Catalogue, data: bytes) -> None:
    changed = with_object(store, "features/zarr.json", data)
    with pytest.raises(StoreError, match=r"/features/zarr.json: not an array of this format: "):
        store.reader(changed).packed(0, 1)


@pytest.mark.parametrize("length", [1 << 40, 1 << 62])
def test_a_range_longer_than_a_file_takes_no_memory(tmp_path: Path, length: int) -> None:
    objects = Objects.open(str(tmp_path))
    objects.put("x", b"short")
    assert objects.get_range("x", 1, length) == b"hort"


def changed_spec(document: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    spec = document["spec"]
    return document | {
        "spec": {
            **spec,
            **{name: {**spec[name], **value} if isinstance(value, dict) else value for name, value in change.items()},
        }
    }


@pytest.mark.parametrize(
    "change",
    [
        {"encoder": {"hidden_size": 10**12}},
        {"encoder": {"hidden_size": -1}},
        {"encoder": {"hidden_size": "16"}},
        {"encoder": {"hidden_size": float("nan")}},
        {"encoder": {"num_layers": 10**12}},
        {"encoder": {"num_layers": True}},
        {"encoder": {"weights": None}},
        {"encoder": {"name": 3}},
        {"encoder": {"revision": 3}},
        {"encoder": None},
        {"text": {"max_length": 0}},
        {"text": {"max_length": "64"}},
        {"text": {"special_tokens": 1}},
        {"layers": ["last"] * 1000},
        {"layers": "mean:" + "9" * 5000},
        {"positions": ["tokens"]},
        {"quantizer": {"request": "uint8:per-dimension", "scale": [1.0] * 3, "zero_point": [0] * 3}},
        {"quantizer": {"request": "uint8:per-dimension", "scale": ["1"] * 16, "zero_point": [0] * 16}},
        {"quantizer": {"request": "uint8", "scale": [float("nan")], "zero_point": [0]}},
        {"quantizer": {"request": ["sign"]}},
        {"quantizer": 7},
        {"derived_from": 7},
    ],
    ids=lambda change: str(change)[:60],
)
def test_a_spec_of_other_values_is_damage(store: Catalogue, change: dict[str, Any]) -> None:
    document = json.loads(store.objects.get("store.json"))
    del document["checksum"]
    store.objects.put("store.json", seal(changed_spec(document, change)))
    with pytest.raises(StoreError, match=r"/store.json: damaged: the spec cannot be read: "):
        read_spec(store.objects)
