"""Pruning: which documents have left the corpus, and whether that is certain enough to delete them.

A document that cannot be read has not left. If a file is only half copied one night, the documents after the cut stay.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from encore.featurestore import Catalogue
from encore.featurestore.common import counted
from encore.pipelines.corpus.planning import Plan
from encore.pipelines.limits import Limit
from encore.tablefiles import Listing
from encore.tablefiles.formats import FORMATS

IDS_SHOWN = 20
"""Number of ids that are shown. The list of the run has all."""
OBSTACLES_NAMED = 5

LIST_SCHEMA = pa.schema([pa.field("doc_id", pa.string(), nullable=False)])


class PruneLimit(Limit):
    """How many documents a run may prune: 10 % of those in the store."""

    NAME = "pruning limit"
    OF = "the stored documents"
    DEFAULT = (None, Decimal("0.1"))


@dataclass(frozen=True)
class Pruning:
    """The findings of a run with ``--prune``.

    Attributes:
        left: segment of the snapshot → positions of the documents whose ids the corpus does not hold.
        stored: documents of the snapshot.
        limit: the most documents that may be pruned.
        obstacles: why it is uncertain which documents have left. Empty where it is certain, or ``left`` is empty.
    """

    left: dict[str, npt.NDArray[np.int64]]
    stored: int
    limit: PruneLimit
    obstacles: tuple[str, ...]

    @classmethod
    def find(cls, store: Catalogue, corpus: Plan, listing: Listing, limit: PruneLimit) -> Pruning:
        """Compare a snapshot with the plan of a corpus. ``listing`` has the files of the corpus."""
        left = store.locate(store.keys, store.keys.not_among(corpus.keys))
        return cls(left, len(store), limit, tuple(_obstacles(corpus, listing)) if left else ())

    @property
    def count(self) -> int:
        """Number of documents that the corpus, as far as it was read, does not hold."""
        return sum(map(len, self.left.values()))

    @property
    def withheld(self) -> bool:
        """Whether documents seem to have left, but none is pruned: there are obstacles, or the limit is exceeded."""
        return bool(self.count and (self.obstacles or not self.limit.allows(self.count, self.stored)))

    def listing(self, store: Catalogue) -> pa.Table:
        """Ids of the documents in ``left``, as `LIST_SCHEMA`, in the snapshot's order."""
        parts = [
            store.reader(entry).index(["doc_id"]).select(["doc_id"]).take(pa.array(self.left[entry.segment]))
            for entry in store.entries
            if entry.segment in self.left
        ]
        return pa.concat_tables([LIST_SCHEMA.empty_table(), *(part.cast(LIST_SCHEMA) for part in parts)])

    def to_dict(self) -> dict[str, Any]:
        """The report's entry about pruning."""
        return {
            "left": self.count,
            "stored": self.stored,
            "limit": str(self.limit),
            "within": self.limit.allows(self.count, self.stored),
            "obstacles": list(self.obstacles),
            "withheld": self.withheld,
        }


def listing_to_parquet(listing: pa.Table) -> bytes:
    """A Parquet file of the ids."""
    sink = io.BytesIO()
    pq.write_table(listing, sink, compression="zstd")
    return sink.getvalue()


def _obstacles(corpus: Plan, listing: Listing) -> Iterator[str]:
    if corpus.without_id:
        rows = counted(corpus.without_id, "row")
        yield f"{rows} without an id that can be read, the first in {corpus.first_without_id}"
    yield from _first_few([f"not read: {it.uri}: {it.reason}" for it in listing.unread])
    cut = [file.uri for file in listing.files if not FORMATS[file.format].ends_whole(file)]
    yield from _first_few([f"{uri}: ends in the midst of a line, so that rows may be missing" for uri in cut])


def _first_few(obstacles: Sequence[str]) -> Iterator[str]:
    yield from obstacles[:OBSTACLES_NAMED]
    if len(obstacles) > OBSTACLES_NAMED:
        yield f"{len(obstacles) - OBSTACLES_NAMED:,} more of these"
