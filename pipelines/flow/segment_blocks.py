"""The documents of a store's segments as blocks. From object storage, blocks are read ahead."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain

from encore.featurestore import Catalogue, FeatureBlock
from encore.featurestore.segments import SegmentEntry
from encore.pipelines.flow.lookahead import read_ahead

BLOCK_BYTES = 64 << 20
"""Packed features that are read at a time. Segments as encode and compaction make them are rarely larger, and chunks
that lie in two blocks are decoded twice."""
AHEAD_SEGMENTS = 16
"""Segments that a worker reads ahead from object storage: reading a small one takes some six answers, scoring it less
time than one."""
AHEAD_BYTES = 64 << 20
"""Packed features that a worker reads ahead from object storage."""


def segments_ahead(entries: Iterable[SegmentEntry]) -> int:
    """How many of these segments are read ahead from object storage: enough to hide its latency, at least one."""
    largest = max(min(entry.payload_bytes, BLOCK_BYTES) for entry in entries)
    return max(1, min(AHEAD_SEGMENTS, AHEAD_BYTES // max(1, largest)))


def blocks_of_segment(store: Catalogue, entry: SegmentEntry) -> Iterator[FeatureBlock]:
    """The live documents of a segment. The first block is read now. From object storage, a thread reads the others.

    Args:
        store: a snapshot that lists the segment.
        entry: a segment with at least one live document.

    Raises:
        StoreError: the segment is damaged.
    """
    rest = store.features.scan_segment(entry, BLOCK_BYTES)
    first = next(rest)
    # The ids are decoded here, in the reading thread, so that the caller does not wait for it.
    _ = first.doc_ids
    blocks = chain((first,), rest)
    return blocks if len(first) == entry.live or store.objects.on_disk else read_ahead(blocks)
