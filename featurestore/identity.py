"""Stable names of documents: key hashes of ids and digests of texts."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

import pyarrow as pa

from featurestore.errors import DataError

KEY_BYTES = 16
DIGEST_BYTES = 32


def id_array(doc_ids: Sequence[str] | pa.Array | pa.ChunkedArray) -> pa.Array:
    """Ids as one array of strings; integers are taken as their decimal text.

    Raises:
        DataError: some are null.
    """
    given = doc_ids if isinstance(doc_ids, (pa.Array, pa.ChunkedArray)) else pa.array(doc_ids, pa.string())
    ids = given.cast(pa.string())
    if ids.null_count:
        raise DataError(f"{ids.null_count} of {len(ids)} ids are null")
    return ids.combine_chunks() if isinstance(ids, pa.ChunkedArray) else ids


def key_hashes(doc_ids: pa.Array | pa.ChunkedArray) -> pa.Array:
    """BLAKE2b-128 of each id's UTF-8 bytes, as fixed-size binary (16).

    128 bits, so that among 10⁹ documents equal hashes can be taken for equal ids.
    """
    # One hash call a document is the price of a cryptographic digest: about 1 µs, where encoding takes milliseconds.
    hashes = [hashlib.blake2b(value, digest_size=KEY_BYTES).digest() for value in _bytes(doc_ids)]
    return pa.array(hashes, type=pa.binary(KEY_BYTES))


def text_digests(texts: pa.Array | pa.ChunkedArray, pairs: pa.Array | pa.ChunkedArray | None = None) -> pa.Array:
    """sha256 over length-prefixed text and pair of each document, as fixed-size binary (32).

    A null pair and no pair at all are the same document; an empty pair is another.
    """
    if pairs is None:
        digests = [hashlib.sha256(_prefixed(text)).digest() for text in _bytes(texts)]
    else:
        digests = [
            hashlib.sha256(_prefixed(text) if pair is None else _prefixed(text) + _prefixed(pair)).digest()
            for text, pair in zip(_bytes(texts), _bytes(pairs), strict=True)
        ]
    return pa.array(digests, type=pa.binary(DIGEST_BYTES))


def _bytes(values: pa.Array | pa.ChunkedArray) -> Iterable[bytes]:
    return values.cast(pa.large_binary()).to_pylist()  # type: ignore[no-any-return]


def _prefixed(text: bytes) -> bytes:
    return len(text).to_bytes(8, "big") + text
