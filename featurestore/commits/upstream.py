"""What others have committed since the base of a commit: read once, however often the commit is tried."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np

from encore.featurestore.catalogue import Catalogue
from encore.featurestore.common import Int64s
from encore.featurestore.documents import KeyArray, KeyIndex
from encore.featurestore.segments import SegmentEntry
from encore.featurestore.storage import REQUESTS_AT_ONCE


class Upstream:
    """The segments that a head lists and a base does not.

    A writer that loses has more new segments to read with each try. If it read all of them each time, a try would take
    longer than a try of a writer that starts afresh, and it would lose for ever.

    Attributes:
        base: the snapshot that the change was worked out on.
    """

    def __init__(self, base: Catalogue) -> None:
        self.base = base
        self._keys: dict[SegmentEntry, KeyIndex] = {}
        self._positions: dict[SegmentEntry, Int64s] = {}

    def keys(self, head: Catalogue) -> KeyIndex:
        """Where the documents of these segments lie in the head."""
        ordinals = [i for i, entry in enumerate(head.entries) if entry.live and self._is_new(entry)]
        unread = [i for i in ordinals if head.entries[i] not in self._keys]
        with ThreadPoolExecutor(REQUESTS_AT_ONCE) as pool:
            read = pool.map(lambda i: head.keys_of([i]), unread)
            self._keys |= dict(zip((head.entries[i] for i in unread), read, strict=True))
        parts = ((i, self._keys[head.entries[i]]) for i in ordinals)
        return KeyIndex.build([replace(part, segment=np.full(len(part), i, np.uint32)) for i, part in parts])

    def positions(self, head: Catalogue, wanted: KeyArray) -> Mapping[str, Int64s]:
        """Segment → positions of its live documents with these key hashes, which must be the same at each try."""
        entries = [entry for entry in head.entries if self._is_new(entry)]
        unread = [entry for entry in entries if entry not in self._positions]
        found = head.indexes.positions_of(wanted, unread)
        nothing = np.empty(0, np.int64)
        self._positions |= {entry: found.get(entry.segment, nothing) for entry in unread}
        return {entry.segment: self._positions[entry] for entry in entries if len(self._positions[entry])}

    def _is_new(self, entry: SegmentEntry) -> bool:
        """Whether the base cannot say which documents live in a segment.

        A segment that had lost documents in the base may have left the list since and come back with all of them.
        """
        known = self.base.listed.get(entry.segment)
        return known is None or (known.deletions is not None and known.deletions != entry.deletions)
