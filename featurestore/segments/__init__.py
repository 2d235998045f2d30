"""Segments: immutable groups of documents, written once, read with their checksums."""

from encore.featurestore.segments.codecs import check_codec, decoder
from encore.featurestore.segments.deletion_vectors import (
    drop_documents,
    live_positions,
    read_deletions,
    vector_path,
    write_deletions,
)
from encore.featurestore.segments.entries import (
    ENTRY_SCHEMA,
    SegmentEntry,
    entries_of,
    entry_problem,
    entry_table,
    snapshot_counts,
)
from encore.featurestore.segments.reader import SegmentReader
from encore.featurestore.segments.records import (
    RECORD,
    RejectedDocument,
    SegmentRecord,
    StoredObject,
    attempt_path,
    record_path,
    segment_id,
)
from encore.featurestore.segments.scan import OpenSegment
from encore.featurestore.segments.writer import GROUP_FILE, INDEX_FILE, EncodingCounts, read_record, write_segment

__all__ = [
    "ENTRY_SCHEMA",
    "GROUP_FILE",
    "INDEX_FILE",
    "RECORD",
    "EncodingCounts",
    "OpenSegment",
    "RejectedDocument",
    "SegmentEntry",
    "SegmentReader",
    "SegmentRecord",
    "StoredObject",
    "attempt_path",
    "check_codec",
    "decoder",
    "drop_documents",
    "entries_of",
    "entry_problem",
    "entry_table",
    "live_positions",
    "read_deletions",
    "read_record",
    "record_path",
    "segment_id",
    "snapshot_counts",
    "vector_path",
    "write_deletions",
    "write_segment",
]
