"""Completion records: what a finished segment holds, which attempt holds it, and the checksums of its objects."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa

from encore.featurestore.errors import RESTORE, StoreError
from encore.featurestore.format import (
    FORMAT_VERSION,
    SHORT,
    is_below_attempt,
    is_count,
    is_long,
    is_short,
    parse_json,
    require_version,
)

RECORD = re.compile(rf"segments/({SHORT})\.json")
"""Paths of completion records."""


@dataclass(frozen=True)
class StoredObject:
    """One object of a segment: its path below the attempt, its size in bytes and the sha256 (hex) of its bytes."""

    path: str
    size: int
    sha256: str


@dataclass(frozen=True)
class RejectedDocument:
    """A document that the segment was to hold and the encoder refused.

    Attributes:
        position: its place among the candidates that the segment is named after.
        stage: ``tokenize`` or ``encode``.
        reason: why, without the text.
    """

    position: int
    stage: str
    reason: str


@dataclass(frozen=True)
class SegmentRecord:
    """The completion record of a segment, put last: a segment without one is unfinished.

    Attributes:
        segment: id of the segment.
        attempt: folder below the segment that holds the objects.
        spec: fingerprint of the feature spec.
        documents: documents stored; 0 where every candidate was refused, and then there are no objects.
        rows: rows of the feature array.
        tokens: tokens that the encoder read.
        padded_tokens: the same, padding included.
        truncated: documents cut to the longest length that the spec allows.
        saturated: floats outside the quantizer's range.
        payload_bytes: bytes of the quantized features, before lossless codecs.
        stored_bytes: bytes of all objects.
        objects: the objects, sorted by path.
        rejected: candidates that are not stored, by position.
        sources: where other segments were compacted into this one: their ids and the deletion vectors that were in
            force, in the order in which their documents follow each other here.
    """

    segment: str
    attempt: str
    spec: str
    documents: int
    rows: int
    tokens: int
    padded_tokens: int
    truncated: int
    saturated: int
    payload_bytes: int
    stored_bytes: int
    objects: tuple[StoredObject, ...]
    rejected: tuple[RejectedDocument, ...] = ()
    sources: tuple[tuple[str, str | None], ...] = ()

    def to_bytes(self) -> bytes:
        """Canonical JSON, with its own checksum inside: equal records are equal bytes."""
        document = {"format_version": FORMAT_VERSION} | asdict(self)
        if not self.sources:
            del document["sources"]
        return _canonical(document | {"checksum": hashlib.sha256(_canonical(document)).hexdigest()})

    @property
    def checksum(self) -> str:
        """sha256 (hex) of `to_bytes`, which a segment list keeps."""
        return hashlib.sha256(self.to_bytes()).hexdigest()

    @classmethod
    def from_bytes(cls, data: bytes, name: str) -> SegmentRecord:
        """Inverse of `to_bytes`; ``name`` is the object's, for the StoreError that a damaged one raises."""
        record = cls.parse(data, name)
        if record.to_bytes() != data:
            raise StoreError(f"{name}: damaged: its bytes do not match the checksum in it")
        return record

    @classmethod
    def parse(cls, data: bytes, name: str) -> SegmentRecord:
        """`from_bytes` for bytes that a list vouches for: the checksum inside them is not computed again."""
        try:
            document: dict[str, Any] = parse_json(data)
            require_version(document.pop("format_version"), name)
            del document["checksum"]
            document["objects"] = tuple(StoredObject(**entry) for entry in document["objects"])
            document["rejected"] = tuple(RejectedDocument(**entry) for entry in document["rejected"])
            document["sources"] = tuple((segment, vector) for segment, vector in document.get("sources", ()))
            record = cls(**document)
            record._require_sound()
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise StoreError(f"{name}: not a completion record: {error}; {RESTORE}") from error
        return record

    def _require_sound(self) -> None:
        """Raise ValueError if a name or a number cannot be one of a record."""
        names = (self.segment, self.attempt, *(segment for segment, _ in self.sources))
        vectors = (vector for _, vector in self.sources if vector is not None)
        if not all(map(is_short, (*names, *vectors))) or not is_long(self.spec):
            raise ValueError("the name of a segment, an attempt, a deletion vector or a spec is invalid")
        for stored in self.objects:
            if not is_below_attempt(stored.path) or not is_count(stored.size) or not is_long(stored.sha256):
                raise ValueError(f"an object has an invalid path, size or sha256: {str(stored.path)[:80]!r}")
        if len({stored.path for stored in self.objects}) < len(self.objects):
            raise ValueError("an object comes twice")
        counts = (self.documents, self.rows, self.tokens, self.padded_tokens, self.truncated, self.saturated)
        if not all(map(is_count, (*counts, self.payload_bytes, self.stored_bytes))):
            raise ValueError("a count is negative, or not a whole number")
        for refused in self.rejected:
            texts = isinstance(refused.stage, str) and isinstance(refused.reason, str)
            if not is_count(refused.position) or not texts:
                raise ValueError("a rejected document without a position, a stage or a reason")


def _canonical(document: dict[str, Any]) -> bytes:
    return json.dumps(document, sort_keys=True, indent=1).encode()


def record_path(segment: str) -> str:
    """Where the completion record of a segment lies."""
    return f"segments/{segment}.json"


def attempt_path(segment: str, attempt: str) -> str:
    """The Zarr group that one attempt at a segment wrote."""
    return f"segments/{segment}/{attempt}"


def segment_id(
    key_hashes: pa.Array | pa.ChunkedArray, text_digests: pa.Array | pa.ChunkedArray, fingerprint: str
) -> str:
    """Name of the segment of these ordered documents under this spec: sha256, 32 hex digits.

    All jobs that plan the same documents arrive at the same name. A retry, a second worker and a second run therefore
    find what the first one to finish has stored.
    """
    digest = hashlib.sha256(fingerprint.encode())
    digest.update(len(key_hashes).to_bytes(8, "big"))
    for column in (key_hashes, text_digests):
        digest.update(_fixed_bytes(column))
    return digest.hexdigest()[:32]


def _fixed_bytes(column: pa.Array | pa.ChunkedArray) -> bytes:
    """The bytes of a fixed-size binary column, in order."""
    chunks: Sequence[pa.Array] = column.chunks if isinstance(column, pa.ChunkedArray) else [column]
    width = column.type.byte_width
    return b"".join(
        c.buffers()[1][c.offset * width : (c.offset + len(c)) * width].to_pybytes() for c in chunks if len(c)
    )
