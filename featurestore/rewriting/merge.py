"""One segment out of several: packed rows are copied as they are; rows of deleted documents are left out."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from encore.featurestore.catalogue import Catalogue
from encore.featurestore.commits import find_adoptable
from encore.featurestore.documents import FeatureBlock, concatenate_indexes, offsets_of
from encore.featurestore.segments import EncodingCounts, SegmentEntry, SegmentReader, SegmentRecord, write_segment
from encore.featurestore.spec import FeatureSpec
from encore.featurestore.storage import REQUESTS_AT_ONCE

COPY_BYTES = 4 << 20
"""Packed bytes that are read at a time from a source with deleted rows, beside the new segment in memory."""
COPY_THREADS = 4
"""Sources whose features are copied at a time."""


def compacted_id(store: Catalogue, sources: Sequence[SegmentEntry]) -> str:
    """Name of the segment that these become: sha256 over what is copied, 32 hex digits.

    It follows from the completion records of the sources and their deletion vectors, so that all compactions of the
    same segments arrive at the same name. Encode names a segment of the same documents otherwise (its digest begins
    with a fingerprint, this one with ``compaction``): a rerun of the encode must not find this segment, whose rejected
    documents and counts are not its own.
    """
    words = ["compaction", store.spec.fingerprint, *([entry.record, entry.deletions] for entry in sources)]
    return hashlib.sha256(json.dumps(words).encode()).hexdigest()[:32]


def merge(store: Catalogue, entries: Sequence[SegmentEntry]) -> SegmentRecord:
    """Write the segment that these become, or take a finished one; at least one document must be live."""
    name, finished = find_adoptable(store, compacted_id(store, entries))
    if finished is not None:
        return finished
    with ThreadPoolExecutor(REQUESTS_AT_ONCE) as pool:
        sources = list(pool.map(lambda entry: Source.open(store, entry), entries))
    records = [source.reader.record for source in sources]
    counts = EncodingCounts(
        tokens=sum(record.tokens for record in records) - sum(source.deleted_tokens for source in sources),
        padded_tokens=sum(record.padded_tokens for record in records),
        saturated=sum(record.saturated for record in records),
    )
    return write_segment(
        store.objects,
        name,
        _copied(store.spec, sources),
        store.spec,
        counts,
        codec=max(sources, key=lambda source: source.reader.entry.payload_bytes).reader.codec,
        sources=[(entry.segment, entry.deletions) for entry in entries],
    )


@dataclass(frozen=True, eq=False)
class Source:
    """A segment that is copied: all but its features, which are read in parts.

    Attributes:
        reader: reads its features.
        index: its document index.
        lengths: (documents,) int64: rows of each.
        alive: (documents,) bool: whether it is not deleted.
    """

    reader: SegmentReader
    index: pa.Table
    lengths: npt.NDArray[np.int64]
    alive: npt.NDArray[np.bool_]

    @classmethod
    def open(cls, store: Catalogue, entry: SegmentEntry) -> Source:
        """Read all of a segment but its features."""
        segment = store.features.open_segment(entry, columns=None)
        alive = np.ones(entry.documents, bool)
        alive[segment.deleted] = False
        return cls(segment.reader, segment.index, np.diff(segment.offsets), alive)

    @property
    def deleted_tokens(self) -> int:
        """Tokens of the deleted documents."""
        return int(self.index["n_tokens"].to_numpy()[~self.alive].sum())

    @property
    def live_index(self) -> pa.Table:
        """The document index of the live documents."""
        return self.index if self.alive.all() else self.index.filter(pa.array(self.alive))

    def copy_live(self, out: npt.NDArray[np.generic], part_rows: int) -> None:
        """Put the packed rows of the live documents into ``out``, in order; it has as many rows.

        Args:
            out: takes them.
            part_rows: stored rows that are read at a time where some are left out.
        """
        if self.alive.all():
            self.reader.packed(0, len(out), out)
            return
        rows = np.repeat(self.alive, self.lengths)
        row = 0
        for start in range(0, len(rows), part_rows):
            part = self.reader.packed(start, min(start + part_rows, len(rows)))[rows[start : start + part_rows]]
            out[row : row + len(part)] = part
            row += len(part)


def _copied(spec: FeatureSpec, sources: Sequence[Source]) -> FeatureBlock:
    """The live documents of the sources, in order."""
    lengths = [source.lengths[source.alive] for source in sources]
    offsets = offsets_of(np.concatenate(lengths))
    # Filled in place: joining parts at the end would hold the segment twice.
    packed = np.empty((offsets[-1], *spec.packed_shape), spec.quantizer.dtype)
    places = np.split(packed, np.cumsum([part.sum() for part in lengths])[:-1])
    part_rows = max(1, COPY_BYTES // spec.row_bytes)
    with ThreadPoolExecutor(COPY_THREADS) as pool:
        for _ in pool.map(lambda source, out: source.copy_live(out, part_rows), sources, places):
            pass
    return FeatureBlock(concatenate_indexes([source.live_index for source in sources]), packed, offsets)
