"""Writing segments: one Zarr v3 group of packed features and offsets, and one Parquet document index."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import zarr
from zarr.codecs import BytesCodec
from zarr.storage import MemoryStore

from encore.featurestore.documents import INDEX_SCHEMA, FeatureBlock, concatenate_indexes
from encore.featurestore.errors import StoreError
from encore.featurestore.format import FORMAT_VERSION, object_state
from encore.featurestore.segments.codecs import codec_chain
from encore.featurestore.segments.records import (
    RejectedDocument,
    SegmentRecord,
    StoredObject,
    attempt_path,
    record_path,
)
from encore.featurestore.spec import FeatureSpec
from encore.featurestore.storage import Objects

CHUNK_BYTES = 1 << 20
"""Packed bytes of one Zarr chunk: a random read fetches this much, and one crc32c covers it."""

GROUP_FILE = "zarr.json"
"""Describes the Zarr group of a segment."""
INDEX_FILE = "documents.parquet"
"""Its document index, beside the group."""

UNIQUE_COLUMNS = ("doc_id", "key_hash", "text_digest")
"""Index columns that a Parquet dictionary would only make larger, by 4 bytes a document."""


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
    sources: Sequence[tuple[str, str | None]] = (),
) -> SegmentRecord:
    """Store a block under a segment's name, or adopt what another attempt has stored there first.

    The objects go to a folder of this attempt; the completion record is put last, create-if-absent. An attempt that
    comes second removes its own objects, to which nothing refers, and takes the record of the first.

    Returns:
        The record in force.

    Raises:
        ValueError: the block is not one of this spec, or holds a document without rows.
    """
    _check_block(block, spec)
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
        sources=tuple(sources),
    )
    objects.barrier()
    if objects.create(record_path(segment), record.to_bytes()):
        return record
    first = read_record(objects, segment)
    if first is None:
        raise StoreError(f"{objects.name(record_path(segment))}: a vacuum has retired this name meanwhile; run again")
    if first.attempt != attempt:
        objects.delete([f"{folder}/{path}" for path in written])
    return first


def read_record(objects: Objects, segment: str) -> SegmentRecord | None:
    """The completion record of a segment; None while it is unfinished, and once its name is retired."""
    path = record_path(segment)
    found = object_state(objects, path)
    if found is None or found.retired or found.content is None:
        return None
    record = SegmentRecord.from_bytes(found.content, objects.name(path))
    if record.segment != segment:
        raise StoreError(f"{objects.name(path)}: damaged: says that it is the record of segment {record.segment}")
    return record


def _check_block(block: FeatureBlock, spec: FeatureSpec) -> None:
    """Refuse a block that could be stored but not read back as it is: a segment is never written again."""
    shape, dtype = block.packed.shape[1:], block.packed.dtype
    if shape != spec.packed_shape or dtype != spec.quantizer.dtype:
        raise ValueError(
            f"features are {dtype} of shape {shape}; the spec has {spec.quantizer.dtype} of {spec.packed_shape}"
        )
    if (block.lengths < 1).any():
        raise ValueError(f"document {int(np.argmin(block.lengths))} of the block has no rows")
    held = {field.name: field.type for field in block.index.schema}
    for field in INDEX_SCHEMA:
        if held.get(field.name) != field.type:
            raise ValueError(f"index column {field.name} is {held.get(field.name)}, expected {field.type}")


def _segment_objects(block: FeatureBlock, spec: FeatureSpec, codec: str) -> Mapping[str, memoryview]:
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
    # Views: a copy would take as much memory again.
    written = {path: memoryview(buffer.as_numpy_array()) for path, buffer in memory.items()}
    sink = pa.BufferOutputStream()
    repeating = [name for name in block.index.column_names if name not in UNIQUE_COLUMNS]
    # Plain types: a dictionary would be stored with values that no row has, and Parquet lacks some types.
    index = concatenate_indexes([block.index])
    pq.write_table(index, sink, compression="zstd", write_page_checksum=True, use_dictionary=repeating)
    return written | {INDEX_FILE: memoryview(sink.getvalue()).cast("B")}


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
