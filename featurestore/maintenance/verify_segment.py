"""One segment: its completion record, its objects, and whether what they hold agrees with what was listed."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from featurestore.blocks import INDEX_SCHEMA
from featurestore.deletions import read_deletions
from featurestore.entries import SegmentEntry
from featurestore.errors import StoreError
from featurestore.identity import key_hashes
from featurestore.keys import KeyArray, words
from featurestore.maintenance.verify_findings import Audit
from featurestore.maintenance.verify_keys import Lives, lives_of_segment
from featurestore.maintenance.verify_lists import Span
from featurestore.objects import Objects
from featurestore.reader import SegmentReader
from featurestore.records import SegmentRecord, StoredObject, attempt_path, record_path
from featurestore.segments import INDEX_FILE
from featurestore.spec import FeatureSpec

GROUP_FILE, FEATURES_FILE, OFFSETS_FILE = "zarr.json", "features/zarr.json", "offsets/zarr.json"
READ_WHOLE = (GROUP_FILE, FEATURES_FILE, OFFSETS_FILE, INDEX_FILE)
"""Objects that are compared by sha256 in every verification; the others are as large as the features."""
DECODED_BYTES = 4 << 20
"""Packed features that are decoded at a time."""


class _ReadOnce(Objects):
    """Hands out what was read of a segment without reading it again."""

    def __init__(self, objects: Objects) -> None:
        super().__init__(objects.raw, objects.uri)
        self.held: dict[str, bytes] = {}

    def get(self, path: str) -> bytes:
        return self.held[path] if path in self.held else super().get(path)


@dataclass(frozen=True, eq=False)
class SegmentCheck:
    """Checks one segment under one listing of it.

    Attributes:
        audit: takes the findings.
        spec: of the store; None where it cannot be read, and then nothing is compared with it.
        entry: how it is listed; those of the other snapshots differ from it in deletions only, or are found out.
    """

    audit: Audit
    spec: FeatureSpec | None
    entry: SegmentEntry

    def keys(self) -> KeyArray | None:
        """Check everything, and give the (documents, 2) key hashes where they are sound."""
        record = self._record()
        if record is None:
            return None
        bad = self._objects(record)
        if GROUP_FILE not in bad:
            self._group()
        index = None if INDEX_FILE in bad else self._index()
        arrays = [
            self._decodable(name, shape, dtype, bad)
            for name, shape, dtype in (
                ("features", self._feature_shape, self.spec.quantizer.dtype if self.spec else None),
                ("offsets", (self.entry.documents + 1,), "int64"),
            )
        ]
        if arrays[1]:
            self._offsets()
        if arrays[0] and self.audit.deep:
            self._features()
        return index

    @cached_property
    def _held(self) -> _ReadOnce:
        return _ReadOnce(self.audit.objects)

    @cached_property
    def _reader(self) -> SegmentReader:
        return SegmentReader(self._held, self.entry)

    @property
    def _folder(self) -> str:
        return attempt_path(self.entry.segment, self.entry.attempt)

    @property
    def _feature_shape(self) -> tuple[int, ...] | None:
        return None if self.spec is None else (self.entry.rows, *self.spec.packed_shape)

    def _record(self) -> SegmentRecord | None:
        path = record_path(self.entry.segment)
        data = self.audit.read(path)
        if data is None:
            return None
        if hashlib.sha256(data).hexdigest() != self.entry.record:
            self.audit.report(path, "damaged: its bytes are not those that were listed")
            return None
        self._held.held[path] = data
        try:
            record = SegmentRecord.from_bytes(data, self.audit.objects.name(path))
        except StoreError as error:
            self.audit.refused(path, error)
            return None
        listed = {name: getattr(self.entry, name) for name in _COUNTS}
        wrong = [name for name in _COUNTS if getattr(record, name) != listed[name]]
        if self.spec is not None and record.spec != self.spec.fingerprint:
            wrong.append("spec")
        if record.stored_bytes != sum(stored.size for stored in record.objects):
            wrong.append("sizes of its objects")
        if wrong:
            self.audit.report(path, f"disagrees with its list and the store in {', '.join(wrong)}")
        return record

    def _objects(self, record: SegmentRecord) -> set[str]:
        """Paths below the attempt of the objects that are missing or damaged."""
        sizes = dict(self.audit.objects.walk(self._folder))
        recorded = {stored.path: stored for stored in record.objects}
        bad = {path for path in READ_WHOLE if path not in recorded}
        for path in bad:
            self.audit.report(record_path(self.entry.segment), f"does not name {path}, which every segment has")
        return bad | {path for path, stored in recorded.items() if not self._sound(stored, sizes)}

    def _sound(self, stored: StoredObject, sizes: Mapping[str, int]) -> bool:
        path = f"{self._folder}/{stored.path}"
        size = sizes.get(path)
        self.audit.seen(path, size or 0)
        if size is None:
            self.audit.report(path, "missing")
            return False
        if size != stored.size:
            self.audit.report(path, f"damaged: {size} bytes, its record says {stored.size}")
            return False
        if stored.path in READ_WHOLE:
            data = self.audit.read(path)
            if data is None:
                return False
            self._held.held[path] = data
            digest: str | None = hashlib.sha256(data).hexdigest()
        elif self.audit.deep:
            digest = self.audit.digest(path, size)
            if digest is None:
                return False
        else:
            return True
        if digest != stored.sha256:
            self.audit.report(path, "damaged: its bytes are not those that its record says")
        return digest == stored.sha256

    def _group(self) -> None:
        attributes = self._json(GROUP_FILE).get("attributes", {})
        if attributes.get("format") != "encore-segment":
            self._wrong(GROUP_FILE, "does not say that it is a segment")
        elif self.spec is not None and attributes.get("fingerprint") != self.spec.fingerprint:
            self._wrong(GROUP_FILE, "says that it holds features of another spec")

    def _index(self) -> KeyArray | None:
        """Key hashes of the documents, where the index is sound."""
        try:
            index = self._reader.index([field.name for field in INDEX_SCHEMA])
        except StoreError as error:
            self.audit.refused(f"{self._folder}/{INDEX_FILE}", error)
            return None
        problem = _index_problem(index, self.entry.documents)
        if problem is not None:
            self._wrong(INDEX_FILE, problem)
            return None
        return words(index["key_hash"])

    def _decodable(self, name: str, shape: tuple[int, ...] | None, dtype: str | None, bad: set[str]) -> bool:
        """Whether an array's metadata is as it should be and all its objects are there."""
        path = f"{name}/zarr.json"
        if path in bad:
            return False
        metadata = self._json(path)
        problem = _array_problem(metadata, shape, dtype)
        if problem is None and name == "features" and self.spec is not None:
            attributes = metadata.get("attributes", {})
            expected = {
                "quantizer": json.loads(json.dumps(self.spec.quantizer.to_dict())),
                "width": self.spec.width,
                "layers": str(self.spec.layers),
            }
            differing = [key for key, value in expected.items() if attributes.get(key) != value]
            problem = f"its attributes differ from the store's spec in {', '.join(differing)}" if differing else None
        if problem is None:
            shards = math.prod(-(-a // b) for a, b in zip(*_shape_and_shards(metadata), strict=True))
            named = sum(path.startswith(f"{name}/c") for path in self._recorded)
            if named != shards:
                problem = f"has {shards} shards, the completion record names {named}"
        if problem is not None:
            self._wrong(path, problem)
            return False
        return not any(path.startswith(f"{name}/") for path in bad)

    def _offsets(self) -> None:
        try:
            offsets = self._reader.offsets()
        except StoreError as error:
            self.audit.refused(self._shard("offsets"), error)
            return
        steps = np.diff(offsets)
        if offsets[0] != 0 or offsets[-1] != self.entry.rows:
            self._wrong("offsets", f"run from {offsets[0]} to {offsets[-1]}, not from 0 to {self.entry.rows}")
        elif (steps < 0).any():
            self._wrong("offsets", f"fall at document {int(np.argmax(steps < 0))}")
        elif (steps == 0).any():
            self._wrong("offsets", f"leave document {int(np.argmax(steps == 0))} without rows")

    def _features(self) -> None:
        """Decode every chunk, some at a time."""
        row_bytes = max(1, self.entry.payload_bytes // max(1, self.entry.rows))
        step = max(1, DECODED_BYTES // row_bytes)
        unsound = 0
        for start in range(0, self.entry.rows, step):
            try:
                packed = self._reader.packed(start, min(self.entry.rows, start + step))
            except StoreError as error:
                self.audit.refused(self._shard("features"), error)
                return
            if packed.dtype.kind == "f":
                unsound += packed.size - int(np.count_nonzero(np.isfinite(packed)))
        if unsound:
            self._wrong("features", f"hold {unsound} numbers that are NaN or infinite", RECOMPUTE)

    def _shard(self, name: str) -> str:
        """The object of an array that has one, and else the array."""
        paths = [path for path in self._recorded if path.startswith(f"{name}/c")]
        return f"{self._folder}/{paths[0] if len(paths) == 1 else name}"

    @cached_property
    def _recorded(self) -> Sequence[str]:
        path = record_path(self.entry.segment)
        return [stored.path for stored in SegmentRecord.from_bytes(self._held.get(path), path).objects]

    def _json(self, path: str) -> dict[str, Any]:
        """Metadata whose bytes are those that were written."""
        document: dict[str, Any] = json.loads(self._held.held[f"{self._folder}/{path}"])
        return document

    def _wrong(self, path: str, problem: str, action: str | None = None) -> None:
        """Bytes that are as they were written, and say what cannot be."""
        self.audit.report(f"{self._folder}/{path}", problem, action or RECOMPUTE)


_COUNTS = ("segment", "attempt", "documents", "rows", "tokens", "payload_bytes", "stored_bytes")

RECOMPUTE = "it was written so: delete the segment's documents (encore delete) and encode them again, and report it"


def check_segment(audit: Audit, spec: FeatureSpec | None, ordinal: int, spans: Sequence[Span]) -> list[Lives]:
    """Check a segment that some snapshots list, and give the lives of its documents, none where they are unknown."""
    keys: KeyArray | None = None
    checked: set[SegmentEntry] = set()
    for span in spans:
        entry = replace(span.entry, deletions=None, deleted=0)
        if entry not in checked:
            checked.add(entry)
            keys = SegmentCheck(audit, spec, entry).keys()
    deleted = [_deleted(audit, span.entry) for span in spans]
    if keys is None or any(positions is None for positions in deleted):
        return []
    lived = [
        (span.first, span.stop, positions)
        for span, positions in zip(spans, deleted, strict=True)
        if positions is not None
    ]
    return list(lives_of_segment(ordinal, keys, lived))


def _deleted(audit: Audit, entry: SegmentEntry) -> npt.NDArray[np.int64] | None:
    """Positions that a deletion vector takes away; None, and a finding, where it cannot be told."""
    if entry.deletions is None:
        if entry.deleted:
            audit.report(
                record_path(entry.segment), f"is listed with {entry.deleted} documents deleted and no deletion vector"
            )
            return None
        return np.empty(0, np.int64)
    path = f"deletions/{entry.deletions}"
    audit.compared(path, audit.objects.size(path) or 0)
    try:
        positions = read_deletions(audit.objects, entry.deletions)
    except StoreError as error:
        audit.refused(path, error)
        return None
    if len(positions) != entry.deleted:
        audit.report(
            path, f"deletes {len(positions)} documents of segment {entry.segment}, its list says {entry.deleted}"
        )
        return None
    if (np.diff(positions) <= 0).any() or (len(positions) and (positions[0] < 0 or positions[-1] >= entry.documents)):
        audit.report(path, f"holds positions that segment {entry.segment} of {entry.documents} documents does not have")
        return None
    return positions


def _index_problem(index: pa.Table, documents: int) -> str | None:
    """What is wrong with a document index, if anything."""
    held = {field.name: field.type for field in index.schema}
    wrong = [field.name for field in INDEX_SCHEMA if held.get(field.name) != field.type]
    if wrong:
        return f"has no column {', '.join(wrong)} of the right type"
    if index.num_rows != documents:
        return f"holds {index.num_rows} documents, its list says {documents}"
    nulls = [field.name for field in INDEX_SCHEMA if not field.nullable and index[field.name].null_count]
    if nulls:
        return f"has nulls in {', '.join(nulls)}"
    differing = pc.not_equal(pa.chunked_array([key_hashes(index["doc_id"])]), index["key_hash"])
    if pc.any(differing, min_count=0).as_py():
        return f"has a key hash that is not that of its id, at document {pc.index(differing, True).as_py()}"
    return None


def _array_problem(metadata: Mapping[str, Any], shape: tuple[int, ...] | None, dtype: str | None) -> str | None:
    """What is wrong with an array's metadata, if anything."""
    found, shards = _shape_and_shards(metadata)
    if shape is not None and found != shape:
        return f"is of shape {found}, expected {shape}"
    if dtype is not None and metadata["data_type"] != dtype:
        return f"is of {metadata['data_type']}, expected {dtype}"
    if shards[1:] != found[1:]:
        return f"has shards of shape {shards}, which part its rows"
    return None


def _shape_and_shards(metadata: Mapping[str, Any]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    return tuple(metadata["shape"]), tuple(metadata["chunk_grid"]["configuration"]["chunk_shape"])
