"""What a job wants to change in a store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from encore.featurestore.common import Int64s
from encore.featurestore.documents import KeyArray
from encore.featurestore.segments import (
    SegmentEntry,
)


@dataclass(frozen=True)
class Change:
    """What a job wants to change.

    Attributes:
        base: version of the snapshot that the job worked from.
        operation: ``encode``, ``derive``, …: shown in the history.
        added: finished segments; none of their documents is live in the base with the same text.
        dropped: segment of the base → positions of the documents to take away: superseded or pruned ones.
        deleted: (n, 2) key hashes, as `keys.words` gives them. Their documents are taken away wherever they lie in the
            head, also those that another writer superseded since the base.
        replaced: segment → its entry. These segments were compacted: they leave the list, and ``added`` holds their
            documents.
        blocks: whether the block list has grown. If the head does not count all of it yet, a new snapshot is published
            even if nothing else changes. A job that is about to commit then meets that snapshot and reads the list
            again.
        hidden: segment of ``added`` → positions of documents that stay deleted. A repair needs this when it lists
            segments again.
        refreshed: finished segments whose documents live in the base with the same text and other kept columns. They
            replace the rows that hold this text now, in whichever segment these lie. A document whose row is gone is
            not brought back.
    """

    base: int
    operation: str
    added: Sequence[SegmentEntry] = ()
    dropped: Mapping[str, Int64s] = field(default_factory=dict)
    deleted: KeyArray | None = None
    replaced: Mapping[str, SegmentEntry] = field(default_factory=dict)
    blocks: bool = False
    hidden: Mapping[str, Int64s] = field(default_factory=dict)
    refreshed: Sequence[SegmentEntry] = ()
