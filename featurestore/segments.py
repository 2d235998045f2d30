"""Segments on disk: one Zarr v3 group of packed features and offsets, and one Parquet document index."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import zarr
from zarr.codecs import BytesCodec
from zarr.storage import MemoryStore, ObjectStore

from featurestore.blocks import FeatureBlock
from featurestore.codecs import codec_chain
from featurestore.errors import StoreError
from featurestore.objects import Objects
from featurestore.records import (
    FORMAT_VERSION,
    RejectedDocument,
    SegmentRecord,
    StoredObject,
    attempt_path,
    record_path,
)
from featurestore.spec import FeatureSpec

CHUNK_BYTES = 1 << 20
"""Packed features of one Zarr chunk: what a random read costs, and what one crc32c covers."""

INDEX_FILE = "documents.parquet"


@dataclass(frozen=True)
class EncodingCounts:
    """What encoding one segment took: tokens read, the same with padding, and floats out of the quantizer's range."""

    tokens: int
    padded_tokens: int
    saturated: int = 0


def write_segment(
    objects: Objects,
    segment: str,
    block: FeatureBlock,
    spec: FeatureSpec,
    counts: EncodingCounts,
    *,
    codec: str,
    rejected: Sequence[RejectedDocument] = (),
) -> SegmentRecord:
    """Store a block under a segment's name, or adopt what another attempt has stored there first.

    The objects go to a folder of this attempt; the completion record is put last, create-if-absent. Whoever comes
    second removes its own objects, which nobody refers to, and takes the other's record.

    Returns:
        The record in force.
    """
    attempt = uuid.uuid4().hex
    written = _segment_objects(block, spec, codec) if len(block) else {}
    folder = attempt_path(segment, attempt)
    for path, data in written.items():
        objects.put(f"{folder}/{path}", data)
    record = SegmentRecord(
        segment=segment,
        attempt=attempt,
        spec=spec.fingerprint,
        documents=len(block),
        rows=len(block.packed),
        tokens=counts.tokens,
        padded_tokens=counts.padded_tokens,
        truncated=int(np.count_nonzero(block.index["truncated"].to_numpy())),
        saturated=counts.saturated,
        payload_bytes=len(block.packed) * spec.row_bytes,
        stored_bytes=sum(map(len, written.values())),
        objects=tuple(
            StoredObject(path, len(data), hashlib.sha256(data).hexdigest()) for path, data in sorted(written.items())
        ),
        rejected=tuple(rejected),
    )
    if objects.create(record_path(segment), record.to_bytes()):
        return record
    first = read_record(objects, segment)
    if first is None:
        raise StoreError(f"{objects.name(record_path(segment))}: exists and cannot be read; run encode again")
    if first.attempt != attempt:
        objects.delete([f"{folder}/{path}" for path in written])
    return first


def read_record(objects: Objects, segment: str) -> SegmentRecord | None:
    """The completion record of a segment; None while it is unfinished."""
    path = record_path(segment)
    try:
        return SegmentRecord.from_bytes(objects.get(path), objects.name(path))
    except FileNotFoundError:
        return None


@dataclass(frozen=True)
class SegmentReader:
    """Reads one attempt's objects; each method raises StoreError that names the object where one is damaged."""

    objects: Objects
    segment: str
    attempt: str

    def index(self, columns: Sequence[str] | None = None) -> pa.Table:
        """The document index, or some columns of it."""
        path = f"{attempt_path(self.segment, self.attempt)}/{INDEX_FILE}"
        try:
            source = pa.BufferReader(self.objects.get(path))
            return pq.read_table(
                source, columns=None if columns is None else list(columns), page_checksum_verification=True
            )
        except FileNotFoundError as error:
            raise StoreError(f"{self.objects.name(path)}: missing; run encore verify") from error
        except (pa.ArrowException, OSError) as error:
            raise StoreError(f"{self.objects.name(path)}: damaged: {str(error).splitlines()[0]}") from error

    def offsets(self) -> npt.NDArray[np.int64]:
        """(documents + 1,) int64: where each document's rows begin and end."""
        return self._read("offsets", slice(None)).astype(np.int64, copy=False)

    def packed(self, start: int, stop: int) -> npt.NDArray[np.generic]:
        """Rows start to stop of the packed features."""
        return self._read("features", slice(start, stop))

    def packed_runs(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.generic]:
        """These rows, sorted ascending, reading each chunk that holds one of them once."""
        chunk_rows = self._array("features").chunks[0]
        chunks = np.unique(rows // chunk_rows)
        breaks = np.flatnonzero(np.diff(chunks) > 1) + 1
        runs = np.split(chunks, breaks)
        parts = []
        for run in runs:
            start, stop = run[0] * chunk_rows, (run[-1] + 1) * chunk_rows
            inside = rows[np.searchsorted(rows, start) : np.searchsorted(rows, stop)]
            parts.append(self.packed(int(start), int(inside[-1]) + 1)[inside - start])
        return np.concatenate(parts)

    def _read(self, name: str, selection: slice) -> npt.NDArray[Any]:
        array = self._array(name)
        try:
            return np.asarray(array[selection])
        except (ValueError, RuntimeError, OSError, KeyError) as error:
            # Zarr and numcodecs raise all of these for a chunk whose bytes are not what they were.
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise StoreError(f"{self._name(name)}: damaged: {reason}") from error

    def _array(self, name: str) -> zarr.Array[Any]:
        path = f"{attempt_path(self.segment, self.attempt)}/{name}"
        try:
            return zarr.open_array(ObjectStore(self.objects.raw, read_only=True), path=path, mode="r")
        except (FileNotFoundError, KeyError, ValueError, TypeError) as error:
            raise StoreError(f"{self._name(name)}/zarr.json: missing or damaged; run encore verify") from error

    def _name(self, name: str) -> str:
        return self.objects.name(f"{attempt_path(self.segment, self.attempt)}/{name}")


def _segment_objects(block: FeatureBlock, spec: FeatureSpec, codec: str) -> dict[str, bytes]:
    """Path → bytes of a segment's objects.

    Built in memory first, so that their checksums are known before anything is written.
    """
    memory: dict[str, Any] = {}
    group = zarr.create_group(
        MemoryStore(memory),
        attributes={
            "format": "encore-segment",
            "format_version": FORMAT_VERSION,
            "fingerprint": spec.fingerprint,
            "spec": spec.to_dict(),
        },
    )
    _write_array(
        group,
        "features",
        block.packed,
        codec,
        {"quantizer": spec.quantizer.to_dict(), "width": spec.width, "layers": str(spec.layers)},
    )
    _write_array(group, "offsets", block.offsets, "zstd", {"rows_of_document_i": "offsets[i]:offsets[i + 1]"})
    written = {path: buffer.to_bytes() for path, buffer in memory.items()}
    sink = pa.BufferOutputStream()
    pq.write_table(block.index, sink, compression="zstd", write_page_checksum=True)
    return written | {INDEX_FILE: sink.getvalue().to_pybytes()}


def _write_array(
    group: zarr.Group, name: str, values: npt.NDArray[Any], codec: str, attributes: dict[str, Any]
) -> None:
    """One array in one shard, its chunks equal in rows, so that the last one is not mostly padding."""
    chunks_wanted = max(1, -(-values.nbytes // CHUNK_BYTES))
    chunk_rows = max(1, -(-len(values) // chunks_wanted))
    shard_rows = chunk_rows * -(-len(values) // chunk_rows)
    rest = values.shape[1:]
    array = group.create_array(
        name,
        shape=values.shape,
        dtype=values.dtype,
        chunks=(chunk_rows, *rest),
        shards=(shard_rows, *rest),
        filters=None,
        serializer=BytesCodec() if values.itemsize == 1 else BytesCodec(endian="little"),
        compressors=codec_chain(codec, values.itemsize),
        fill_value=0,
        attributes=attributes,
        # A chunk of zeros is as real as any other: completeness is never judged by which chunks exist.
        config={"write_empty_chunks": True},
    )
    array[:] = values
