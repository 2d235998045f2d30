"""A digest of stored documents that does not depend on how they are spread over segments."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from encore.featurestore.documents.blocks import FeatureBlock

_MODULUS = 1 << 256


def document_digest_sum(block: FeatureBlock) -> int:
    """Sum of sha256 over (length-prefixed doc_id, packed bytes) of each document, modulo 2²⁵⁶.

    A sum does not depend on order and needs no memory for the documents seen. It tells equal stores from unequal ones;
    it does not protect against an attacker who searches for two stores with one digest.
    """
    total = 0
    # One sha256 a document: it hashes some kilobytes, which outweighs the loop.
    for doc_id, start, stop in zip(block.doc_ids.to_pylist(), block.offsets[:-1], block.offsets[1:], strict=True):
        name = doc_id.encode()
        digest = hashlib.sha256(len(name).to_bytes(8, "big") + name)
        digest.update(block.packed[start:stop].tobytes())
        total += int.from_bytes(digest.digest(), "big")
    return total % _MODULUS


def combine_digests(sums: Iterable[int]) -> str:
    """Digest (64 hex digits) of all documents whose sums are given."""
    return f"{sum(sums) % _MODULUS:064x}"
