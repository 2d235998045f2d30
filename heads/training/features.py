"""Packed features of labelled documents, in memory or in a memory-mapped file."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pyarrow as pa

from encore.featurestore import Catalogue, FeatureBlock, StoreError
from encore.featurestore.documents import concatenate_indexes, offsets_of

TRAINING_MEMORY = 2 << 30
"""Default for the bytes of packed features that memory holds: those of a million short texts at one bit."""

PARTS = 16
"""Features that are too large for memory are read in parts of 1 / `PARTS` of it. Sorting a part holds it twice."""


def gather(store: Catalogue, doc_ids: pa.Array, memory: int = TRAINING_MEMORY) -> FeatureBlock:
    """Read the packed features of some documents of a store.

    Args:
        store: holds the documents.
        doc_ids: ids of the documents, in the order of the result.
        memory: bytes of packed features that memory may hold. More go to a temporary file without a name. It disappears
            with the block, or when the process ends in any way.

    Raises:
        DataError: a document is not stored.
        StoreError: the temporary file cannot be written.
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
        # The mapping stays valid after the file is closed.
        mapped = np.memmap(file, store.spec.quantizer.dtype, "r", shape=shape)
    return FeatureBlock(concatenate_indexes(indexes), np.asarray(mapped), offsets)


def _bytes_of_document(store: Catalogue) -> float:
    """Mean packed bytes of a document of this store."""
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
