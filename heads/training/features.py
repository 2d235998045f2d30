"""Packed features of labelled documents: in memory, or in a file that is mapped into it."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pyarrow as pa

from encore.featurestore import FeatureBlock, Store, StoreError
from encore.featurestore.documents import concatenate_indexes, offsets_of

MEMORY = 2 << 30
"""Bytes of packed features that are held in memory unless told otherwise; those of a million short texts at one bit."""

PARTS = 16
"""What is too large for its memory is gathered in parts of a sixteenth of that: a part is held twice while it is put in
order."""


def gather(store: Store, doc_ids: pa.Array, memory: int = MEMORY) -> FeatureBlock:
    """These documents of a store, in this order.

    Args:
        store: what holds them.
        doc_ids: their ids.
        memory: bytes of packed features that may be held in memory. More go to a temporary file without a name, which
            is gone with the block, or with the process however it ends.

    Raises:
        DataError: documents that are not stored.
        StoreError: the file cannot be written.
    """
    each = _bytes_of_document(store)
    if len(doc_ids) * each <= memory:
        return store.gather(doc_ids)
    count = max(1, int(memory / PARTS / each))
    indexes, lengths = [], []
    with _no_place_said(len(doc_ids)), tempfile.TemporaryFile() as file:
        for start in range(0, len(doc_ids), count):
            part = store.gather(doc_ids.slice(start, count))
            indexes.append(part.index)
            lengths.append(part.lengths)
            part.packed.tofile(file)
        file.flush()
        offsets = offsets_of(np.concatenate(lengths))
        shape = (int(offsets[-1]), *store.spec.packed_shape)
        # The mapping outlives the open file.
        mapped = np.memmap(file, store.spec.quantizer.dtype, "r", shape=shape)
    return FeatureBlock(concatenate_indexes(indexes), np.asarray(mapped), offsets)


def _bytes_of_document(store: Store) -> float:
    """Packed bytes of a document of this store, on average."""
    row = np.dtype(store.spec.quantizer.dtype).itemsize * math.prod(store.spec.packed_shape)
    rows, documents = (sum(getattr(entry, name) for entry in store.entries) for name in ("rows", "documents"))
    return float(row * rows / max(1, documents))


@contextmanager
def _no_place_said(documents: int) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreError(
            f"{tempfile.gettempdir()}: {error.strerror or error}: no place for the features of {documents:,} "
            "documents; let TMPDIR name a folder on a larger disk, or allow more memory"
        ) from error
