"""What a job wants to change in a store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from encore.featurestore.documents import KeyArray
from encore.featurestore.segments import (
    SegmentEntry,
)

Positions = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Change:
    """What a job wants to change.

    Attributes:
        base: version of the snapshot that the job worked from.
        operation: ``encode``, ``derive``, …: shown in the history.
        added: finished segments; none of their documents is live in the base with the same text.
        dropped: segment of the base → positions of the documents to take away: superseded or pruned ones.
        deleted: (n, 2) key hashes, as `keys.words` gives them, of documents to take away wherever the head has them:
            one that was superseded since the base goes too.
        replaced: segment → the entry that was compacted: these leave the list, and ``added`` holds what they held.
        blocks: the block list has grown: a snapshot that does not know all of it yet is followed by one that does,
            even where nothing else changes, so that a job which is about to commit looks at the list again.
        hidden: segment of ``added`` → positions of documents that are not to live: a repair lists some segments again.
        refreshed: finished segments whose documents live in the base with the same text and other kept columns. They
            take the place of the rows that hold that text now, wherever these are; a document whose row is gone is not
            brought back.
    """

    base: int
    operation: str
    added: Sequence[SegmentEntry] = ()
    dropped: Mapping[str, Positions] = field(default_factory=dict)
    deleted: KeyArray | None = None
    replaced: Mapping[str, SegmentEntry] = field(default_factory=dict)
    blocks: bool = False
    hidden: Mapping[str, Positions] = field(default_factory=dict)
    refreshed: Sequence[SegmentEntry] = ()
