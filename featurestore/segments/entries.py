"""Segment entries: the rows of a store's segment lists."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from operator import attrgetter

import pyarrow as pa
import pyarrow.compute as pc

from encore.featurestore.format import LONG, SHORT, all_counts, all_match
from encore.featurestore.segments.records import SegmentRecord

ENTRY_SCHEMA = pa.schema(
    [
        pa.field("segment", pa.string(), nullable=False),
        pa.field("attempt", pa.string(), nullable=False),
        pa.field("record", pa.string(), nullable=False),
        pa.field("documents", pa.int64(), nullable=False),
        pa.field("rows", pa.int64(), nullable=False),
        pa.field("tokens", pa.int64(), nullable=False),
        pa.field("payload_bytes", pa.int64(), nullable=False),
        pa.field("stored_bytes", pa.int64(), nullable=False),
        pa.field("deletions", pa.string()),
        pa.field("deleted", pa.int64(), nullable=False),
    ]
)


@dataclass(frozen=True)
class SegmentEntry:
    """One segment as a snapshot lists it.

    Attributes:
        segment: id of the segment.
        attempt: folder that holds its objects.
        record: checksum of its completion record, which holds the checksums of its objects.
        documents: documents in its index, deleted ones included.
        rows: rows of its feature array.
        tokens: tokens that the encoder read for it.
        payload_bytes: bytes of its quantized features, before lossless codecs.
        stored_bytes: bytes of all its objects.
        deletions: digest of the deletion vector in force, or None.
        deleted: documents that the vector takes away.
    """

    segment: str
    attempt: str
    record: str
    documents: int
    rows: int
    tokens: int
    payload_bytes: int
    stored_bytes: int
    deletions: str | None = None
    deleted: int = 0

    @classmethod
    def of(cls, record: SegmentRecord) -> SegmentEntry:
        """The entry of a segment that was just finished."""
        return cls(
            segment=record.segment,
            attempt=record.attempt,
            record=record.checksum,
            documents=record.documents,
            rows=record.rows,
            tokens=record.tokens,
            payload_bytes=record.payload_bytes,
            stored_bytes=record.stored_bytes,
        )

    @property
    def live(self) -> int:
        """Documents that are not deleted."""
        return self.documents - self.deleted

    def without(self, deletions: str, deleted: int) -> SegmentEntry:
        """The entry under another deletion vector."""
        return replace(self, deletions=deletions, deleted=deleted)


def entry_table(entries: Iterable[SegmentEntry]) -> pa.Table:
    """Entries as rows of a segment list."""
    listed = list(entries)
    columns = [pa.array(map(attrgetter(field.name), listed), field.type) for field in ENTRY_SCHEMA]
    return pa.Table.from_arrays(columns, schema=ENTRY_SCHEMA)


def entry_problem(table: pa.Table) -> str | None:
    """What is wrong with rows of a segment list that paths and sizes are taken from; None where nothing is."""
    patterns = {"segment": SHORT, "attempt": SHORT, "record": LONG, "deletions": SHORT}
    wrong = [name for name, pattern in patterns.items() if not all_match(table[name], pattern)]
    counts = [field.name for field in ENTRY_SCHEMA if field.type == pa.int64()]
    wrong += [name for name in counts if not all_counts(table[name])]
    if wrong:
        return f"invalid names or numbers in {', '.join(wrong)}"
    if pc.any(pc.greater(table["deleted"], table["documents"]), min_count=0).as_py():
        return "more documents deleted than there are"
    if pc.any(pc.greater(table["documents"], table["rows"]), min_count=0).as_py():
        return "more documents than rows"
    return None


def entries_of(table: pa.Table) -> list[SegmentEntry]:
    """Inverse of `entry_table`."""
    # By column: a snapshot may list 100,000 segments, and a dictionary for each would take most of a second more.
    columns = [table[name].to_pylist() for name in ENTRY_SCHEMA.names]
    return [SegmentEntry(*row) for row in zip(*columns, strict=True)]


def snapshot_counts(entries: Iterable[SegmentEntry]) -> dict[str, int]:
    """Totals of a snapshot."""
    listed = list(entries)
    return {
        "segments": len(listed),
        "documents": sum(entry.live for entry in listed),
        "deleted": sum(entry.deleted for entry in listed),
        "tokens": sum(entry.tokens for entry in listed),
        "payload_bytes": sum(entry.payload_bytes for entry in listed),
        "stored_bytes": sum(entry.stored_bytes for entry in listed),
    }
