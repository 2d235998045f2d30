"""One array of a segment: chunks of equal numbers of rows in one shard, each with a crc32c, found by its index.

Zarr writes these arrays and any Zarr reader reads them. Encore reads them without Zarr, which takes most of a
millisecond to open and read an array: several times as long as reading the few hundred kilobytes of a small segment.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from numcodecs.checksum32 import CRC32C

from encore.featurestore.common import lazy
from encore.featurestore.errors import RESTORE, StoreError
from encore.featurestore.format import missing_reference
from encore.featurestore.segments.codecs import decoder
from encore.featurestore.storage import Objects

PIECE_BYTES = 4 << 20
"""Maximum stored bytes of one request; a shard that is not larger is read as a whole, with its index."""
CRC_BYTES = 4
"""Bytes of the crc32c after each chunk and after the index."""
TYPES: Mapping[str, np.dtype[Any]] = {"uint8": np.dtype("u1"), "float16": np.dtype("<f2"), "int64": np.dtype("<i8")}
"""Types of numbers in a store, by Zarr's names."""
THREADS = 4
"""Pieces of one array that are read at a time."""

PackedRows = npt.NDArray[Any]


@dataclass(frozen=True)
class ShardLayout:
    """How an array lies in its shard.

    Attributes:
        shape: of the array; the first axis is that of its rows.
        dtype: little-endian.
        chunk_rows: rows of every chunk; the last one is filled up.
        chunks: how many there are.
        codec: lossless codec of a chunk, as `write_segment` takes it.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    chunk_rows: int
    chunks: int
    codec: str

    @classmethod
    def of(cls, metadata: Mapping[str, Any]) -> ShardLayout:
        """The layout that an array's ``zarr.json`` describes; raises ValueError unless it is one of this format."""
        try:
            rows, *rest = metadata["shape"]
            shard_rows, *shard_rest = metadata["chunk_grid"]["configuration"]["chunk_shape"]
            (sharding,) = metadata["codecs"]
            settings = sharding["configuration"]
            chunk_rows, *chunk_rest = settings["chunk_shape"]
            order, *chain = settings["codecs"]
            regular = (
                rest == shard_rest == chunk_rest
                and shard_rows >= rows
                and shard_rows % chunk_rows == 0
                and sharding["name"] == "sharding_indexed"
                and settings["index_location"] == "end"
                and [codec["name"] for codec in settings["index_codecs"]] == ["bytes", "crc32c"]
                and order["name"] == "bytes"
                and order.get("configuration", {}).get("endian", "little") == "little"
            )
            lengths = (rows, *rest, shard_rows, chunk_rows)
            regular = regular and all(type(length) is int and length >= 0 for length in lengths)
            # A shard has no chunk after the one with the last row.
            regular = regular and shard_rows - rows < chunk_rows
            dtype = TYPES[metadata["data_type"]]
            names = tuple(codec["name"] for codec in chain)
        except (KeyError, TypeError, ValueError, AttributeError, ZeroDivisionError) as error:
            raise ValueError(f"not the metadata of a sharded array: {error!r}") from error
        if not regular or names[-1:] != ("crc32c",):
            raise ValueError("the array does not lie in one shard of chunks with checksums")
        codec = "none" if len(names) == 1 else names[0]
        decoder(codec)
        return cls((rows, *rest), dtype, chunk_rows, shard_rows // chunk_rows, codec)

    @property
    def chunk_bytes(self) -> int:
        """Bytes of an uncompressed chunk, without its crc32c."""
        return self.chunk_rows * math.prod(self.shape[1:]) * self.dtype.itemsize

    @property
    def index_bytes(self) -> int:
        """Bytes of the shard's index: offset and length of each chunk, and a crc32c."""
        return 16 * self.chunks + CRC_BYTES


@dataclass(frozen=True)
class Shard:
    """The numbers of one array; every method raises StoreError that names the object where it is damaged.

    Attributes:
        objects: where the store lies.
        path: the shard.
        size: its bytes, as the completion record says. It tells where the index lies: at the end of a shard that was
            cut short, bytes of a chunk could pass for an index.
        layout: how the array lies in it.
        manifest: path of the manifest of the snapshot that is read, to tell whether the shard is gone with it.
    """

    objects: Objects
    path: str
    size: int
    layout: ShardLayout
    manifest: str | None = None

    @property
    def comes_whole(self) -> bool:
        """Whether any read of it is one request for all of it."""
        return self.size <= PIECE_BYTES

    def read(self, start: int, stop: int, out: PackedRows | None = None) -> PackedRows:
        """Rows start to stop, into ``out`` if given: each chunk once, several pieces at a time from object storage."""
        if out is None:
            out = np.empty((stop - start, *self.layout.shape[1:]), self.layout.dtype)
        if start == stop:
            return out
        first, last = start // self.layout.chunk_rows, -(-stop // self.layout.chunk_rows)
        if self.comes_whole:
            data = self._fetch(0, self.size)
            self._decode(data, 0, self._spans(data[-self.layout.index_bytes :]), start, out)
            return out
        spans = self._index
        pieces = list(_pieces(spans, first, last))

        def read_piece(piece: tuple[int, int]) -> None:
            begin, end = int(spans[piece[0], 0]), int(spans[piece[1] - 1, 1])
            self._decode(self._fetch(begin, end - begin), piece[0], spans[piece[0] : piece[1]] - begin, start, out)

        # A disk has no latency to hide, and other threads would have to wait for a core.
        if len(pieces) == 1 or self.objects.on_disk:
            for piece in pieces:
                read_piece(piece)
        else:
            with ThreadPoolExecutor(THREADS) as pool:
                for _ in pool.map(read_piece, pieces):
                    pass
        return out

    @lazy
    def _index(self) -> npt.NDArray[np.int64]:
        length = self.layout.index_bytes
        return self._spans(self._fetch(self.size - length, length))

    def _spans(self, index: memoryview) -> npt.NDArray[np.int64]:
        """(chunks, 2) int64: where each chunk begins and ends in the shard."""
        # Begin and length of each chunk; both are the largest number, here −1, if the chunk was not written.
        spans = self._checked(index).view("<i8").reshape(-1, 2).astype(np.int64)
        limit = self.size - self.layout.index_bytes
        possible = len(spans) == self.layout.chunks and bool(((spans >= 0) & (spans <= limit)).all())
        spans[:, 1] += spans[:, 0]
        if not possible or (spans[:, 1] > limit).any():
            raise self._damaged("its index lacks a chunk, or points outside the shard")
        return spans

    def _decode(self, data: memoryview, first: int, spans: npt.NDArray[np.int64], start: int, out: PackedRows) -> None:
        """Put the rows of neighbouring chunks, from the ``first`` on, where they belong in ``out``.

        Args:
            data: stored bytes that hold the chunks.
            first: number of the first chunk.
            spans: where each lies in the data.
            start: row of the array that ``out`` begins with.
            out: takes the rows; those beyond its end are left out.
        """
        size, decode = self.layout.chunk_rows, decoder(self.layout.codec)
        for chunk, (begin, end) in enumerate(spans.tolist(), first):
            low, high = max(chunk * size, start), min((chunk + 1) * size, start + len(out))
            if low >= high:
                continue
            payload = self._checked(data[begin:end])
            rows = out[low - start : high - start]
            try:
                if high - low == size and rows.flags.c_contiguous:
                    decode(payload, self.layout.chunk_bytes, rows.reshape(-1).view(np.uint8))
                    continue
                decoded = decode(payload, self.layout.chunk_bytes)
                values = decoded.view(self.layout.dtype).reshape(size, *self.layout.shape[1:])
            except (ValueError, RuntimeError) as error:
                raise self._damaged(f"chunk {chunk} cannot be decoded: {error}") from error
            rows[:] = values[low - chunk * size : high - chunk * size]

    def _checked(self, data: memoryview) -> npt.NDArray[np.uint8]:
        """The bytes without the crc32c at their end, which must match them."""
        values, stored = np.frombuffer(data[:-CRC_BYTES], np.uint8), int.from_bytes(data[-CRC_BYTES:], "little")
        computed = CRC32C.checksum(values)
        if computed != stored:
            raise self._damaged(f"the crc32c of its bytes is {computed:08x}, stored is {stored:08x}")
        return values

    def _fetch(self, start: int, length: int) -> memoryview:
        try:
            data = self.objects.get_range(self.path, start, length)
        except FileNotFoundError as error:
            raise missing_reference(self.objects, self.path, self.manifest) from error
        except StoreError as error:
            if (self.objects.size(self.path) or 0) >= self.size:
                raise
            raise self._damaged(f"{self.path} is cut short") from error
        if len(data) != length:
            raise self._damaged(f"{self.path} is cut short")
        return memoryview(data)

    def _damaged(self, what: str) -> StoreError:
        return StoreError(f"{self.objects.name(self.path)}: damaged or unreadable: {what}; {RESTORE}")


def _pieces(spans: npt.NDArray[np.int64], first: int, last: int) -> Iterator[tuple[int, int]]:
    """(first, last) of runs of chunks that follow each other within `PIECE_BYTES`, or of single larger chunks."""
    start = first
    for chunk in range(first + 1, last):
        if spans[chunk, 0] != spans[chunk - 1, 1] or spans[chunk, 1] - spans[start, 0] > PIECE_BYTES:
            yield start, chunk
            start = chunk
    yield start, last
