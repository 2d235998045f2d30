"""Lookup of documents by id: sorted key hashes of one snapshot, or of the documents that are wanted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

KeyArray = npt.NDArray[np.uint64]


@dataclass(frozen=True, eq=False)
class KeyIndex:
    """Where every live document of a snapshot lies.

    32 bytes a document, sorted by key hash: 10⁷ documents are 320 MB.

    Attributes:
        high: (documents,) uint64: first half of each key hash, sorted.
        low: (documents,) uint64: second half.
        text: (documents,) uint64: first 64 bits of the text digest. They are compared only between documents of one id,
            so that a changed text is taken for the old one once in 2⁶⁴ changes.
        segment: (documents,) uint32: position of the segment among the snapshot's entries.
        document: (documents,) uint32: position in the segment's index.
    """

    high: KeyArray
    low: KeyArray
    text: KeyArray
    segment: npt.NDArray[np.uint32]
    document: npt.NDArray[np.uint32]

    @classmethod
    def build(cls, parts: Sequence[KeyIndex]) -> KeyIndex:
        """One sorted index of the parts, each of which holds some segments' documents in any order."""
        if not parts:
            nothing = np.empty(0, np.uint64)
            return cls(nothing, nothing, nothing, nothing.astype(np.uint32), nothing.astype(np.uint32))
        high = np.concatenate([part.high for part in parts])
        low = np.concatenate([part.low for part in parts])
        order = _sorted_order(high, low)
        return cls(
            high[order],
            low[order],
            np.concatenate([part.text for part in parts])[order],
            np.concatenate([part.segment for part in parts])[order],
            np.concatenate([part.document for part in parts])[order],
        )

    @classmethod
    def of_segment(cls, index: pa.Table, ordinal: int, positions: npt.NDArray[np.int64] | None = None) -> KeyIndex:
        """The unsorted part of one segment: key hashes and text digests of its index, at ``positions`` or at all."""
        halves = words(index["key_hash"])
        text = words(index["text_digest"])[:, 0]
        document = np.arange(len(halves), dtype=np.uint32)
        if positions is not None:
            halves, text, document = halves[positions], text[positions], document[positions]
        segment = np.full(len(document), ordinal, np.uint32)
        return cls(halves[:, 0], halves[:, 1], text, segment, document)

    def __len__(self) -> int:
        """Number of documents."""
        return len(self.high)

    def find(self, key_hashes: pa.Array | pa.ChunkedArray) -> npt.NDArray[np.int64]:
        """(n,) int64: position of each key in this index, −1 where it is not there."""
        return self.find_words(words(key_hashes))

    def find_words(self, wanted: KeyArray) -> npt.NDArray[np.int64]:
        """(n,) int64: position of each key (n, 2), as `words` gives it, −1 where it is not there."""
        # Sorted lookups touch neighbouring memory: at 10⁷ documents, sorting first is ten times as fast.
        order = np.argsort(wanted[:, 0])
        high, low = wanted[order, 0], wanted[order, 1]
        at = np.searchsorted(self.high, high)
        pending = np.arange(len(wanted))
        found = np.full(len(wanted), -1, np.int64)
        # Two ids share their first 64 bits once in 10⁵ stores of 10⁷ documents: nearly always one step is enough.
        while len(pending):
            pending = pending[at[pending] < len(self)]
            pending = pending[self.high[at[pending]] == high[pending]]
            hit = self.low[at[pending]] == low[pending]
            found[order[pending[hit]]] = at[pending[hit]]
            pending = pending[~hit]
            at[pending] += 1
        return found

    def not_among(self, others: KeyArray) -> npt.NDArray[np.int64]:
        """Positions in this index whose key is none of ``others`` (n, 2)."""
        order = _sorted_order(others[:, 0], others[:, 1])
        nothing = np.empty(0, np.uint32)
        there = KeyIndex(others[order, 0], others[order, 1], np.empty(0, np.uint64), nothing, nothing)
        return np.flatnonzero(there.find_words(np.stack([self.high, self.low], axis=1)) < 0)

    def by_segment(self, found: npt.NDArray[np.int64]) -> dict[int, npt.NDArray[np.int64]]:
        """Positions in this index as ordinal of the segment → sorted positions in the segment."""
        segments, documents = self.segment[found], self.document[found].astype(np.int64)
        order = np.lexsort((documents, segments))
        ordinals, starts = np.unique(segments[order], return_index=True)
        return dict(zip(ordinals.tolist(), np.split(documents[order], starts[1:]), strict=False))

    def same_text(
        self, found: npt.NDArray[np.int64], text_digests: pa.Array | pa.ChunkedArray
    ) -> npt.NDArray[np.bool_]:
        """(n,) bool: whether the document at ``found`` is there and holds this text."""
        if not len(self):
            return np.zeros(len(found), bool)
        return np.asarray((found >= 0) & (self.text[found] == words(text_digests)[:, 0]))


@dataclass(frozen=True, eq=False)
class WantedKeys:
    """Keys to find in one segment after another. A lookup goes through all key hashes of a segment without an index.

    Attributes:
        asked: (n, 2) uint64: the keys, as `words` gives them; one may come twice.
        unique: an index of the distinct keys; its ``document`` numbers them.
        places: (n,) int64: position of each key in ``unique``.
        leading: (65,536,) bool: whether some key begins with these 16 bits. With 1,000 keys, these bits alone rule out
            985 of 1,000 documents.
    """

    asked: KeyArray
    unique: KeyIndex
    places: npt.NDArray[np.int64]
    leading: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, asked: KeyArray) -> WantedKeys:
        """The keys (n, 2) as `words` gives them."""
        order = _sorted_order(asked[:, 0], asked[:, 1])
        high, low = asked[order, 0], asked[order, 1]
        first = np.ones(len(order), bool)
        first[1:] = (high[1:] != high[:-1]) | (low[1:] != low[:-1])
        high, low = high[first], low[first]
        numbers = np.arange(len(high), dtype=np.uint32)
        unique = KeyIndex(high, low, np.empty(0, np.uint64), np.empty(0, np.uint32), numbers)
        leading = np.zeros(1 << 16, bool)
        leading[high >> np.uint64(48)] = True
        return cls(asked, unique, unique.find_words(asked), leading)

    def __len__(self) -> int:
        """Number of keys that are asked for."""
        return len(self.asked)

    def documents(
        self, key_hashes: pa.Array | pa.ChunkedArray, deleted: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.int64]:
        """(n,) int64: position of each key among a segment's, −1 where it is not there or is deleted.

        Args:
            key_hashes: of all documents of the segment.
            deleted: positions that do not count.
        """
        halves = words(key_hashes)
        candidates = np.flatnonzero(self.leading[halves[:, 0] >> np.uint64(48)])
        candidates = candidates[~np.isin(candidates, deleted)]
        found = self.unique.find_words(halves[candidates])
        document = np.full(len(self.unique), -1, np.int64)
        document[found[found >= 0]] = candidates[found >= 0]
        return document[self.places]


def _sorted_order(high: KeyArray, low: KeyArray) -> npt.NDArray[np.int64]:
    """Positions of the keys in sorted order."""
    order = np.argsort(high)
    ordered = high[order]
    # Equal first halves hardly ever come, and sorting by both halves takes six times as long.
    return np.lexsort((low, high)) if (ordered[1:] == ordered[:-1]).any() else order


def words(column: pa.Array | pa.ChunkedArray) -> KeyArray:
    """(n, width / 8) uint64: fixed-size binary as big-endian words, so that they sort as their bytes do."""
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if isinstance(array, pa.ChunkedArray):
        array = pa.concat_arrays(array.chunks) if array.num_chunks else pa.array([], column.type)
    width = array.type.byte_width
    if not len(array):
        return np.empty((0, width // 8), np.uint64)
    data = np.frombuffer(array.buffers()[1], np.uint8, len(array) * width, array.offset * width)
    return data.view(">u8").reshape(len(array), width // 8).astype(np.uint64)
