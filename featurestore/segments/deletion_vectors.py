"""Deletion vectors: which rows of a segment's document index are no longer there."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from encore.featurestore.errors import RESTORE, StoreError
from encore.featurestore.format import WRITE_ID, read_parquet, read_reference
from encore.featurestore.segments.entries import SegmentEntry
from encore.featurestore.storage import Objects


def write_deletions(objects: Objects, documents: npt.NDArray[np.int64]) -> str:
    """Store the positions of deleted documents (sorted, unique) and return the digest that names the vector.

    Each write has a name of its own: a vacuum may be removing an earlier vector of the same positions.
    """
    sink = pa.BufferOutputStream()
    table = pa.table({"document": documents.astype(np.int64, copy=False)})
    marked = table.replace_schema_metadata({WRITE_ID: uuid.uuid4().hex})
    pq.write_table(marked, sink, compression="zstd", write_page_checksum=True)
    data = sink.getvalue().to_pybytes()
    digest = _digest(data)
    objects.put(vector_path(digest), data)
    return digest


def read_deletions(
    objects: Objects, digest: str | None, manifest: str | None = None, *, documents: int | None = None
) -> npt.NDArray[np.int64]:
    """Positions of deleted documents, sorted; empty if ``digest`` is None.

    Args:
        objects: of the store.
        digest: names the vector.
        manifest: path of the manifest of the snapshot that names it, to tell whether that is gone too.
        documents: number of the segment's documents, if positions are to be checked against it.

    Raises:
        StoreError: the vector is missing or damaged, or its bytes do not match its name.
    """
    if digest is None:
        return np.empty(0, np.int64)
    name = objects.name(vector_path(digest))
    data = read_reference(objects, vector_path(digest), manifest)
    table = read_parquet(data, name)
    if table.schema.names != ["document"] or table["document"].type != pa.int64() or table["document"].null_count:
        raise StoreError(f"{name}: damaged: expected one column of positions; {RESTORE}")
    positions: npt.NDArray[np.int64] = table["document"].to_numpy()
    if digest != _digest(data):
        raise StoreError(f"{name}: damaged: holds other rows than its name says; {RESTORE}")
    if documents is not None and not _are_positions(positions, documents):
        raise StoreError(f"{name}: damaged: holds positions that {documents} documents do not have; {RESTORE}")
    return positions


def _are_positions(positions: npt.NDArray[np.int64], documents: int) -> bool:
    ends = len(positions) == 0 or (positions[0] >= 0 and positions[-1] < documents)
    return bool(ends and (positions[1:] > positions[:-1]).all())


def live_positions(documents: int, deleted: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Positions among ``documents`` that are not deleted, ascending."""
    alive = np.ones(documents, bool)
    alive[deleted] = False
    return np.flatnonzero(alive)


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:32]


def vector_path(digest: str) -> str:
    """Where a deletion vector lies."""
    return f"deletions/{digest}"


def drop_documents(objects: Objects, entry: SegmentEntry, gone: Sequence[npt.NDArray[np.int64]]) -> SegmentEntry:
    """The entry with these positions taken away as well; writes the new deletion vector."""
    old = read_deletions(objects, entry.deletions, documents=entry.documents)
    new = np.unique(np.concatenate([old, *gone]))
    if len(new) == len(old):
        return entry
    if new[0] < 0 or new[-1] >= entry.documents:
        raise ValueError(f"segment {entry.segment} has {entry.documents} documents; told to drop {new[0]} to {new[-1]}")
    return entry.without(write_deletions(objects, new), len(new))
