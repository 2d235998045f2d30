"""The rows of the table that lists prediction files."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from featurestore.entries import SegmentEntry

FILE_SCHEMA = pa.schema(
    [
        pa.field("head", pa.string(), nullable=False),
        pa.field("segment", pa.string(), nullable=False),
        pa.field("deletions", pa.string()),
        pa.field("path", pa.string(), nullable=False),
        pa.field("documents", pa.int64(), nullable=False),
        pa.field("bytes", pa.int64(), nullable=False),
        pa.field("snapshot", pa.int64(), nullable=False),
        pa.field("fingerprint", pa.string(), nullable=False),
    ]
)


@dataclass(frozen=True)
class PredictionFile:
    """One listed file: the predictions of one head for the live documents of one segment.

    Attributes:
        head: ``task@digest``.
        segment: id of the segment.
        deletions: digest of the deletion vector that was in force, or None.
        path: the file, below the folder.
        documents: rows.
        bytes: size of the file.
        snapshot: snapshot of the store that was scored.
        fingerprint: of the features that were scored.
    """

    head: str
    segment: str
    deletions: str | None
    path: str
    documents: int
    bytes: int
    snapshot: int
    fingerprint: str


def prediction_path(head: str, entry: SegmentEntry) -> str:
    """Where the predictions of a head for a segment as this entry has it lie."""
    return f"head={head}/{entry.segment}-{entry.deletions or 'all'}.parquet"
