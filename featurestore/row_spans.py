"""Where the rows of documents lie, for callers that read the same documents again and again."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from encore.featurestore.catalogue import Catalogue
from encore.featurestore.common import Int64s
from encore.featurestore.documents import WantedKeys, key_hashes, words
from encore.featurestore.segments import SegmentEntry
from encore.featurestore.storage import REQUESTS_AT_ONCE


@dataclass(frozen=True, eq=False)
class RowSpans:
    """The rows of some documents in a snapshot, 24 bytes a document.

    Attributes:
        segments: (documents,) int64: position of each one's segment among the snapshot's entries; −1 for a document
            that is not stored.
        starts: (documents,) int64: its first row there.
        stops: (documents,) int64: the row after its last one.
    """

    segments: Int64s
    starts: Int64s
    stops: Int64s

    @classmethod
    def of(cls, store: Catalogue, doc_ids: pa.Array) -> RowSpans:
        """Look documents up by their ids (string); reads key hashes and offsets of every segment once.

        Raises:
            StoreError: a segment is damaged.
        """
        wanted = WantedKeys.of(words(key_hashes(doc_ids)))
        spans = cls(*(np.full(len(doc_ids), -1, np.int64) for _ in range(3)))

        def find(entry: SegmentEntry) -> tuple[Int64s, Int64s, Int64s]:
            segment = store.features.open_segment(entry, columns=["key_hash"])
            documents = wanted.documents(segment.index["key_hash"], segment.deleted)
            places = np.flatnonzero(documents >= 0)
            documents = documents[places]
            return places, segment.offsets[documents], segment.offsets[documents + 1]

        live = [(number, entry) for number, entry in enumerate(store.entries) if entry.live]
        with ThreadPoolExecutor(REQUESTS_AT_ONCE) as pool:
            found = pool.map(find, [entry for _, entry in live])
            for (number, _), (places, starts, stops) in zip(live, found, strict=True):
                spans.segments[places], spans.starts[places], spans.stops[places] = number, starts, stops
        return spans

    @property
    def stored(self) -> npt.NDArray[np.bool_]:
        """(documents,) bool: whether each is stored."""
        return self.segments >= 0

    @property
    def lengths(self) -> Int64s:
        """(documents,) int64: rows of each."""
        return self.stops - self.starts

    def take(self, documents: npt.NDArray[np.int64] | npt.NDArray[np.bool_]) -> RowSpans:
        """Those at these positions, or where a mask holds."""
        return RowSpans(self.segments[documents], self.starts[documents], self.stops[documents])
