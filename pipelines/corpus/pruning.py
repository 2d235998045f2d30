"""Pruning: which documents have left the corpus, and whether that is known well enough to hide them.

What cannot be read has not left: a night on which a file is half copied must not cost the documents behind the cut.
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

from encore.featurestore import Store
from encore.featurestore.common import counted
from encore.pipelines.corpus.planning import Plan
from encore.pipelines.limits import Limit
from encore.tablefiles import Listing
from encore.tablefiles.csv import ends_in_line_end

EXAMPLES = 20
"""Ids that are shown; the run's list has all."""
OBSTACLES_NAMED = 5

LIST_SCHEMA = pa.schema([pa.field("doc_id", pa.string(), nullable=False)])


class PruneLimit(Limit):
    """How many documents a run may prune: 10 % of those in the store."""

    NAME = "pruning limit"
    OF = "the stored documents"
    DEFAULT = (None, Decimal("0.1"))


@dataclass(frozen=True)
class Pruning:
    """What a run with ``--prune`` finds.

    Attributes:
        left: segment of the snapshot → positions of the documents whose ids the corpus does not hold.
        stored: documents of the snapshot.
        limit: how many may go.
        obstacles: why it cannot be known which documents have left; none where it is known, or none seems to have left.
    """

    left: dict[str, npt.NDArray[np.int64]]
    stored: int
    limit: PruneLimit
    obstacles: tuple[str, ...]

    @classmethod
    def find(cls, store: Store, corpus: Plan, listing: Listing, limit: PruneLimit) -> Pruning:
        """Compare a snapshot with the corpus that a job has planned over, the files of a listing."""
        left = store.locate(store.keys, store.keys.not_among(corpus.keys))
        return cls(left, len(store), limit, tuple(_obstacles(corpus, listing)) if left else ())

    @property
    def count(self) -> int:
        """Documents that are not in the corpus as it was read."""
        return sum(map(len, self.left.values()))

    @property
    def withheld(self) -> bool:
        """Whether documents seem to have left, and none of them is pruned."""
        return bool(self.count and (self.obstacles or not self.limit.allows(self.count, self.stored)))

    def listing(self, store: Store) -> pa.Table:
        """Ids of these documents (`LIST_SCHEMA`), in the snapshot's order."""
        parts = [
            store.reader(entry).index(["doc_id"]).select(["doc_id"]).take(pa.array(self.left[entry.segment]))
            for entry in store.entries
            if entry.segment in self.left
        ]
        return pa.concat_tables([LIST_SCHEMA.empty_table(), *(part.cast(LIST_SCHEMA) for part in parts)])

    def to_dict(self) -> dict[str, Any]:
        """The part of a report."""
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
    # Only there a cut can leave a row that looks whole: JSON has to close its braces, and Parquet its file.
    cut = [file.uri for file in listing.files if file.format == "csv" and not ends_in_line_end(file)]
    yield from _first_few([f"{uri}: ends in the midst of a line, so that rows may be missing" for uri in cut])


def _first_few(obstacles: Sequence[str]) -> Iterator[str]:
    yield from obstacles[:OBSTACLES_NAMED]
    if len(obstacles) > OBSTACLES_NAMED:
        yield f"{len(obstacles) - OBSTACLES_NAMED:,} more of these"
