"""Bytes of a document: measured lengths, exact row sizes, and the index that every store has."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from encore.featurestore import Catalogue, FeatureSpec
from encore.featurestore.segments import SegmentEntry, SegmentRecord, record_path

RECORDS_READ = 16
"""Segments whose records are read for the index's size, evenly spread over the snapshot."""

FEATURES = "features/"
"""Where a segment keeps quantized features; everything else is index, offsets and metadata."""


@dataclass(frozen=True)
class DocumentSizes:
    """What a store's documents take, whatever the quantizer.

    Attributes:
        documents: live documents of the snapshot.
        rows: mean stored rows of a document: tokens, special ones included, where tokens are stored.
        index_bytes: mean bytes of a document in the document index, the offsets and the metadata.
    """

    documents: int
    rows: float
    index_bytes: float

    @classmethod
    def measure(cls, store: Catalogue) -> DocumentSizes:
        """From the segment list and a few segments' records."""
        entries = [entry for entry in store.entries if entry.documents]
        documents = sum(entry.documents for entry in entries)
        read = [entries[at] for at in np.unique(np.linspace(0, len(entries) - 1, RECORDS_READ).astype(int))]
        index_bytes = sum(_index_bytes(store, entry) for entry in read) / sum(entry.documents for entry in read)
        return cls(len(store), sum(entry.rows for entry in entries) / documents, index_bytes)

    def payload(self, spec: FeatureSpec) -> float:
        """Mean bytes of a document's quantized features under a spec, before lossless codecs."""
        return spec.row_bytes * (self.rows if spec.positions == "tokens" else 1)

    def bytes_per_document(self, spec: FeatureSpec) -> float:
        """Mean bytes that a document takes in a store of this spec, before lossless codecs."""
        return self.payload(spec) + self.index_bytes


def _index_bytes(store: Catalogue, entry: SegmentEntry) -> int:
    path = record_path(entry.segment)
    record = SegmentRecord.from_bytes(store.objects.get(path), store.objects.name(path))
    return sum(stored.size for stored in record.objects if not stored.path.startswith(FEATURES))
