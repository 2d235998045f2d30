"""Stable names of documents: key hashes of ids and digests of texts."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import pyarrow as pa

from encore.featurestore.common import first_line
from encore.featurestore.errors import DataError, UsageError

KEY_BYTES = 16
DIGEST_BYTES = 32


def id_array(doc_ids: str | int | Sequence[str] | pa.Array | pa.ChunkedArray) -> pa.Array:
    """Ids as one array of strings; integers become their decimal text, and a single id an array of one.

    Raises:
        UsageError: these are not texts or integers.
        DataError: some are null.
    """
    listed = [doc_ids] if isinstance(doc_ids, (str, int, np.integer)) else doc_ids
    try:
        given = listed if isinstance(listed, (pa.Array, pa.ChunkedArray)) else pa.array(listed)
        ids = given.cast(pa.string())
    except (pa.ArrowException, TypeError) as error:
        raise UsageError(f"ids: expected texts or integers: {first_line(error)}") from error
    if ids.null_count:
        raise DataError(f"{ids.null_count} of {len(ids)} ids are null")
    return ids.combine_chunks() if isinstance(ids, pa.ChunkedArray) else ids


def key_hashes(doc_ids: pa.Array | pa.ChunkedArray) -> pa.Array:
    """BLAKE2b-128 of each id's UTF-8 bytes, as fixed-size binary (16).

    128 bits are enough to treat equal hashes as equal ids among 10⁹ documents.
    """
    # One hash call a document is the price of a cryptographic digest: about 1 µs, where encoding takes milliseconds.
    hashes = [
        hashlib.blake2b(value, digest_size=KEY_BYTES).digest() for value in doc_ids.cast(pa.large_binary()).to_pylist()
    ]
    return pa.array(hashes, type=pa.binary(KEY_BYTES))


def text_digests(texts: pa.Array | pa.ChunkedArray, pairs: pa.Array | pa.ChunkedArray | None = None) -> pa.Array:
    """sha256 over length-prefixed text and pair of each document, as fixed-size binary (32).

    A null pair and no pair at all are the same document; an empty pair is another.
    """
    columns = [_bytes(texts)] if pairs is None else [_bytes(texts), _bytes(pairs)]
    return pa.array([_digest(row) for row in zip(*columns, strict=True)], type=pa.binary(DIGEST_BYTES))


def _bytes(values: pa.Array | pa.ChunkedArray) -> Iterator[memoryview | None]:
    """A view of each value, None for a null; copies would take as much memory again."""
    for chunk in values.chunks if isinstance(values, pa.ChunkedArray) else [values]:
        array = chunk.cast(pa.large_binary())
        _, places, data = array.buffers()
        if not len(array):
            continue
        offsets = np.frombuffer(places, np.int64, len(array) + 1, array.offset * 8).tolist()
        view = memoryview(data if data is not None else b"")
        missing = array.is_null().to_pylist() if array.null_count else [False] * len(array)
        for start, stop, null in zip(offsets[:-1], offsets[1:], missing, strict=True):
            yield None if null else view[start:stop]


def _digest(texts: Iterable[memoryview | None]) -> bytes:
    digest = hashlib.sha256()
    for text in texts:
        if text is not None:
            digest.update(len(text).to_bytes(8, "big"))
            digest.update(text)
    return digest.digest()
