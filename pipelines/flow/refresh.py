"""Documents whose kept columns changed and whose text did not. Their features are copied, not computed again."""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from threading import Lock

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from encore.featurestore import INDEX_SCHEMA, Catalogue
from encore.featurestore.commits import find_adoptable
from encore.featurestore.documents import concatenate_indexes, differ
from encore.featurestore.segments import EncodingCounts, RejectedDocument, SegmentEntry, SegmentRecord, write_segment
from encore.featurestore.storage import REQUESTS_AT_ONCE

HELD_BYTES = 64 << 20
"""Bytes of kept columns that a process keeps in memory. Successive units mostly need those of the same segments."""


@dataclass(frozen=True, eq=False)
class Refresh:
    """Stored documents with new values of kept columns.

    Attributes:
        index: their ids, hashes and digests, and the new kept columns.
        entries: segments that hold them.
        segments: (n,) int64: position in ``entries`` of each document's segment.
        documents: (n,) int64: position of each document in its segment.
    """

    index: pa.Table
    entries: tuple[SegmentEntry, ...]
    segments: npt.NDArray[np.int64]
    documents: npt.NDArray[np.int64]

    def __len__(self) -> int:
        """Number of documents."""
        return len(self.documents)

    def segment_id(self, fingerprint: str) -> str:
        """Name of the segment that holds them: a hash of the copied rows and of the new columns, 32 hex digits.

        It differs from every name that encode gives. Those do not depend on kept columns, so that a rerun finds the
        segments of a killed run by their texts alone.
        """
        words = ["columns", fingerprint, [entry.record for entry in self.entries]]
        digest = hashlib.sha256(json.dumps(words).encode())
        digest.update(self.segments.tobytes() + self.documents.tobytes())
        sink = pa.BufferOutputStream()
        # Equal columns give equal bytes in Parquet, but not always in Arrow.
        pq.write_table(concatenate_indexes([self.index.combine_chunks()]), sink)
        digest.update(sink.getvalue())
        return digest.hexdigest()[:32]

    def write(self, store: Catalogue, codec: str, rejected: Sequence[RejectedDocument] = ()) -> SegmentRecord:
        """Write the segment with the stored features and the new columns, or adopt it where it is finished."""
        segment, finished = find_adoptable(store, self.segment_id(store.spec.fingerprint))
        if finished is not None:
            return finished
        block = store.features.gather_from(self.entries, self.segments, self.documents, columns=None)
        names = kept_names(self.index)
        index = block.index.drop_columns([name for name in block.index.column_names if name in names])
        for name in names:
            index = index.append_column(self.index.schema.field(name), self.index[name])
        tokens = int(index["n_tokens"].to_numpy().sum())
        return write_segment(
            store.objects,
            segment,
            replace(block, index=index),
            store.spec,
            EncodingCounts(tokens, tokens),
            codec=codec,
            rejected=rejected,
        )


class StoredColumns:
    """Kept columns of a snapshot. A segment's columns are read when they are needed."""

    def __init__(self, store: Catalogue) -> None:
        self._store = store
        self._lock = Lock()
        self._held: OrderedDict[tuple[int, tuple[str, ...]], pa.Table] = OrderedDict()
        self._bytes = 0

    def refresh_of(self, index: pa.Table, same: npt.NDArray[np.bool_], found: npt.NDArray[np.int64]) -> Refresh | None:
        """Documents whose kept columns differ from those of the store; None without such documents.

        Columns that ``index`` lacks are not compared: this job does not keep them. A column that the store lacks counts
        as null there.

        Args:
            index: of documents, with the new kept columns.
            same: (documents,) bool: which of them are stored with the same text.
            found: (documents,) int64: position of each stored document in the snapshot's `keys`.
        """
        names = kept_names(index)
        at = np.flatnonzero(same)
        if not names or not len(at):
            return None
        keys = self._store.keys
        segments, documents = keys.segment[found[at]].astype(np.int64), keys.document[found[at]].astype(np.int64)
        changed = np.zeros(len(at), bool)
        for rows, stored in self._by_segment(segments, documents, names):
            changed[rows] = differing(stored, index.take(pa.array(at[rows])))
        if not changed.any():
            return None
        ordinals, numbers = np.unique(segments[changed], return_inverse=True)
        entries = tuple(self._store.entries[ordinal] for ordinal in ordinals.tolist())
        return Refresh(index.take(pa.array(at[changed])), entries, numbers.astype(np.int64), documents[changed])

    def _by_segment(
        self, segments: npt.NDArray[np.int64], documents: npt.NDArray[np.int64], names: tuple[str, ...]
    ) -> Iterator[tuple[npt.NDArray[np.int64], pa.Table]]:
        """For each segment: which of these documents lie in it, and their stored columns."""
        order = np.argsort(segments, kind="stable")
        ordinals, starts = np.unique(segments[order], return_index=True)
        parts = np.split(order, starts[1:])
        with ThreadPoolExecutor(REQUESTS_AT_ONCE) as pool:
            tables = pool.map(lambda ordinal: self._columns(ordinal, names), ordinals.tolist())
            for rows, table in zip(parts, tables, strict=True):
                yield rows, table.take(pa.array(documents[rows]))

    def _columns(self, ordinal: int, names: tuple[str, ...]) -> pa.Table:
        """Kept columns of all documents of one segment."""
        asked = (ordinal, names)
        with self._lock:
            if asked in self._held:
                self._held.move_to_end(asked)
                return self._held[asked]
        # With the digests as well: a table without columns has no rows.
        table = self._store.reader(self._store.entries[ordinal]).index(["text_digest", *names])
        with self._lock:
            if asked not in self._held:
                self._held[asked] = table
                self._bytes += table.nbytes
            while self._bytes > HELD_BYTES and len(self._held) > 1:
                self._bytes -= self._held.popitem(last=False)[1].nbytes
        return table


def refresh_of_segment(store: Catalogue, record: SegmentRecord, index: pa.Table) -> Refresh | None:
    """All documents of a finished segment that no snapshot lists, if kept columns changed since it was made; else None.

    Args:
        store: the store that holds it.
        record: of the segment.
        index: of the candidates that it was made from, with the new kept columns.
    """
    names = kept_names(index)
    if not names or not record.documents:
        return None
    entry = SegmentEntry.of(record)
    rejected = [refused.position for refused in record.rejected]
    now = index.take(pa.array(np.delete(np.arange(index.num_rows), rejected)))
    if not differing(store.reader(entry).index(["text_digest", *names]), now).any():
        return None
    return Refresh(now, (entry,), np.zeros(record.documents, np.int64), np.arange(record.documents))


def kept_names(index: pa.Table) -> tuple[str, ...]:
    """The kept columns of an index: all but those of `INDEX_SCHEMA`."""
    return tuple(name for name in index.column_names if name not in INDEX_SCHEMA.names)


def differing(stored: pa.Table, now: pa.Table) -> npt.NDArray[np.bool_]:
    """(n,) bool: whether a kept column of ``now`` has another value in the same row of ``stored``."""
    changed = np.zeros(now.num_rows, bool)
    for name in kept_names(now):
        there = stored[name] if name in stored.column_names else pa.chunked_array([pa.nulls(now.num_rows)])
        changed |= differ(there, now[name])
    return changed
