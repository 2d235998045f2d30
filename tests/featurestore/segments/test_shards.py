"""One array in one shard: read as Zarr reads it, or not at all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from numcodecs.checksum32 import CRC32C
from zarr.codecs import BytesCodec

from encore.featurestore import StoreError
from encore.featurestore.segments import shards
from encore.featurestore.segments.codecs import CODECS, codec_chain
from encore.featurestore.segments.shards import Shard, ShardLayout
from encore.featurestore.storage.objects import Objects

METADATA = {
    "shape": [10, 3],
    "data_type": "uint8",
    "chunk_grid": {"configuration": {"chunk_shape": [12, 3]}},
    "codecs": [
        {
            "name": "sharding_indexed",
            "configuration": {
                "chunk_shape": [4, 3],
                "codecs": [{"name": "bytes"}, {"name": "crc32c"}],
                "index_codecs": [{"name": "bytes"}, {"name": "crc32c"}],
                "index_location": "end",
            },
        }
    ],
}


def shard_of(
    folder: Path, values: npt.NDArray[Any], chunk_rows: int, codec: str = "none"
) -> tuple[Shard, zarr.Array[Any]]:
    """The values as Zarr writes them, opened by both."""
    shard_rows = chunk_rows * -(-len(values) // chunk_rows)
    array = zarr.create_array(
        str(folder / "array"),
        shape=values.shape,
        dtype=values.dtype,
        chunks=(chunk_rows, *values.shape[1:]),
        shards=(shard_rows, *values.shape[1:]),
        filters=None,
        serializer=BytesCodec() if values.itemsize == 1 else BytesCodec(endian="little"),
        compressors=codec_chain(codec, values.itemsize),
        fill_value=0,
        config={"write_empty_chunks": True},
        overwrite=True,
    )
    array[:] = values
    objects = Objects.open(str(folder))
    (path,) = (path for path, _ in objects.walk("array/c"))
    size = objects.size(path)
    assert size is not None
    return Shard(objects, path, size, ShardLayout.of(json.loads(objects.get("array/zarr.json")))), array


def numbers(rows: int, rest: tuple[int, ...] = (3,), dtype: str = "uint8") -> npt.NDArray[Any]:
    return np.random.default_rng(0).integers(0, 200, (rows, *rest)).astype(dtype)


class TestReading:
    @given(st.data())
    @settings(max_examples=60, deadline=None)
    def test_rows_are_those_that_zarr_reads(
        self, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
    ) -> None:
        rows, chunk_rows = data.draw(st.integers(1, 40)), data.draw(st.integers(1, 12))
        dtype, codec = data.draw(st.sampled_from(["uint8", "float16", "int64"])), data.draw(st.sampled_from(CODECS))
        rest = data.draw(st.sampled_from([(), (1,), (3,), (2, 3)]))
        shard, array = shard_of(tmp_path_factory.mktemp("shard"), numbers(rows, rest, dtype), chunk_rows, codec)
        start = data.draw(st.integers(0, rows))
        stop = data.draw(st.integers(start, rows))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(shards, "PIECE_BYTES", data.draw(st.sampled_from([1, 60, 200, 1 << 20])))
            patch.setattr(Objects, "on_disk", data.draw(st.booleans()))
            read = shard.read(start, stop)
        assert (read.dtype, read.shape) == (np.dtype(dtype), (stop - start, *rest))
        assert np.array_equal(read, np.asarray(array[start:stop]))
        assert shard.layout.codec == codec

    def test_they_go_where_the_caller_wants_them(self, tmp_path: Path) -> None:
        values = numbers(20)
        shard, _ = shard_of(tmp_path, values, 6)
        into = np.zeros((9, 3), np.uint8)
        assert shard.read(7, 12, into[2:7]) is not None
        assert np.array_equal(into, np.concatenate([np.zeros((2, 3)), values[7:12], np.zeros((2, 3))]))

    def test_they_go_between_others_too(self, tmp_path: Path) -> None:
        values = numbers(20)
        shard, _ = shard_of(tmp_path, values, 6)
        into = np.zeros((40, 3), np.uint8)
        shard.read(0, 20, into[::2])
        assert np.array_equal(into[::2], values)
        assert not into[1::2].any()

    @pytest.mark.parametrize("piece_bytes", [1, 1 << 20])
    def test_chunks_are_found_by_the_index_in_whatever_order_they_lie(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, piece_bytes: int
    ) -> None:
        values = numbers(12)
        shard, array = shard_of(tmp_path, values, 4)
        monkeypatch.setattr(shards, "PIECE_BYTES", piece_bytes)
        data = shard.objects.get(shard.path)
        first, second, rest = data[:16], data[16:32], data[32:48]
        index = np.frombuffer(data[48:-4], "<u8").reshape(3, 2)[[1, 0, 2]]
        checked = bytes(CRC32C(location="end").encode(np.ascontiguousarray(index)))
        shard.objects.put(shard.path, second + first + rest + checked)
        assert np.array_equal(Shard(shard.objects, shard.path, shard.size, shard.layout).read(0, 12), values)
        assert np.array_equal(np.asarray(array[:]), values)

    def test_a_small_shard_is_one_request_and_a_large_one_is_read_by_its_index(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        shard, _ = shard_of(tmp_path, numbers(40), 4)
        asked: list[tuple[int, int]] = []
        get_range = Objects.get_range

        def noted(self: Objects, path: str, start: int, length: int) -> bytes:
            asked.append((start, length))
            return get_range(self, path, start, length)

        monkeypatch.setattr(Objects, "get_range", noted)
        shard.read(5, 7)
        assert asked == [(0, shard.size)]
        # A chunk is 12 bytes and its crc32c.
        monkeypatch.setattr(shards, "PIECE_BYTES", 3 * 16)
        asked.clear()
        shard.read(5, 30)
        assert asked[0] == (shard.size - 164, 164)
        assert sorted(asked[1:]) == [(16, 48), (64, 48), (112, 16)]
        asked.clear()
        shard.read(39, 40)
        assert asked == [(144, 16)]


class TestDamage:
    @pytest.mark.parametrize("piece_bytes", [1, 1 << 20])
    def test_a_flipped_bit_is_seen_wherever_it_is(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, piece_bytes: int
    ) -> None:
        shard, _ = shard_of(tmp_path, numbers(10), 4)
        monkeypatch.setattr(shards, "PIECE_BYTES", piece_bytes)
        data = shard.objects.get(shard.path)
        for place in range(len(data)):
            shard.objects.put(shard.path, data[:place] + bytes([data[place] ^ 8]) + data[place + 1 :])
            with pytest.raises(StoreError, match=f"/{shard.path}: damaged or unreadable: "):
                Shard(shard.objects, shard.path, shard.size, shard.layout).read(0, 10)

    @pytest.mark.parametrize("piece_bytes", [1, 1 << 20])
    def test_a_shard_that_is_cut_short_or_gone_is_named(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, piece_bytes: int
    ) -> None:
        shard, _ = shard_of(tmp_path, numbers(10), 4)
        monkeypatch.setattr(shards, "PIECE_BYTES", piece_bytes)
        data = shard.objects.get(shard.path)
        for length in (len(data) - 1, len(data) - shard.layout.index_bytes, 1, 0):
            shard.objects.put(shard.path, data[:length])
            with pytest.raises(StoreError, match=f"/{shard.path}: damaged or unreadable: {shard.path} is cut short"):
                Shard(shard.objects, shard.path, shard.size, shard.layout).read(0, 10)
        shard.objects.delete([shard.path])
        with pytest.raises(StoreError, match=f"/{shard.path}: missing; run encore repair"):
            Shard(shard.objects, shard.path, shard.size, shard.layout).read(0, 10)

    def test_a_chunk_that_was_never_written_is_not_read_as_zeros(self, tmp_path: Path) -> None:
        shard, array = shard_of(tmp_path, numbers(10), 4)
        sparse = zarr.open_array(array.store_path, mode="r+", config={"write_empty_chunks": False})
        sparse[4:8] = 0
        size = shard.objects.size(shard.path)
        assert size is not None
        with pytest.raises(StoreError, match="its index lacks a chunk, or points outside the shard"):
            Shard(shard.objects, shard.path, size, shard.layout).read(0, 10)


class TestLayout:
    def test_it_is_read_from_the_metadata(self) -> None:
        assert ShardLayout.of(METADATA) == ShardLayout((10, 3), np.dtype("uint8"), 4, 3, "none")

    @pytest.mark.parametrize(
        ("place", "value"),
        [
            (("shape",), []),
            (("shape",), [13, 3]),
            (("data_type",), "no such type"),
            (("chunk_grid", "configuration", "chunk_shape"), [10, 3]),
            (("chunk_grid", "configuration", "chunk_shape"), [12, 2]),
            (("codecs",), []),
            (("codecs", 0, "name"), "bytes"),
            (("codecs", 0, "configuration", "chunk_shape"), [4, 1]),
            (("codecs", 0, "configuration", "chunk_shape"), [0, 3]),
            (("codecs", 0, "configuration", "index_location"), "start"),
            (("codecs", 0, "configuration", "codecs"), [{"name": "bytes"}]),
            (("codecs", 0, "configuration", "codecs"), [{"name": "bytes"}, {"name": "gzip"}, {"name": "crc32c"}]),
            (
                ("codecs", 0, "configuration", "codecs"),
                [{"name": "bytes", "configuration": {"endian": "big"}}, {"name": "crc32c"}],
            ),
            (("codecs", 0, "configuration", "index_codecs"), [{"name": "bytes"}]),
        ],
    )
    def test_any_other_is_refused(self, place: tuple[Any, ...], value: Any) -> None:
        changed = json.loads(json.dumps(METADATA))
        holder = changed
        for step in place[:-1]:
            holder = holder[step]
        holder[place[-1]] = value
        with pytest.raises(ValueError, match=r"sharded array|one shard of chunks|expected one of none, zstd, blosc"):
            ShardLayout.of(changed)
