"""The documents that trained a head, as salted hashes. With them Encore warns when a head is measured on them."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

HASH_BYTES = 6
"""Bytes of an id's hash. 100,000 ids take 800 KB as text. The chance that any of a million other ids has the hash of
one of them is 0.0004."""

SALT_BYTES = 32


@dataclass(frozen=True, eq=False)
class TrainingIds:
    """The ids that trained a head, only as hashes.

    Attributes:
        salt: the head's digest (hex), so that the same ids have other hashes in every head.
        hashes: (documents,) sorted BLAKE2b-48 of each id, keyed with the salt.
    """

    salt: str
    hashes: npt.NDArray[np.uint64]

    @classmethod
    def of(cls, doc_ids: pa.Array | pa.ChunkedArray, salt: str) -> TrainingIds:
        """Hash ids (strings)."""
        return cls(salt, np.sort(_hashes(doc_ids, salt)))

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> TrainingIds | None:
        """Read the ids from a ``head.json``; None where it has none.

        Raises:
            KeyError, TypeError, ValueError: the field is malformed.
        """
        if document.get("trained_on") is None:
            return None
        salt = document["digest"]
        if len(bytes.fromhex(salt)) != SALT_BYTES:
            raise ValueError("its digest is not a sha256")
        data = base64.b64decode(document["trained_on"], validate=True)
        if len(data) % HASH_BYTES:
            raise ValueError(f"its hashes of ids are {len(data)} bytes, expected {HASH_BYTES} for each id")
        return cls(salt, _numbers(data))

    def to_text(self) -> str:
        """The field ``trained_on`` of a ``head.json``: Base64 of the hashes, each 6 bytes, big-endian."""
        wide = self.hashes.astype(">u8").view(np.uint8).reshape(-1, 8)
        return base64.b64encode(wide[:, -HASH_BYTES:].tobytes()).decode()

    def __len__(self) -> int:
        """Number of documents."""
        return len(self.hashes)

    def count(self, doc_ids: pa.Array | pa.ChunkedArray) -> int:
        """Number of these ids (strings) that trained the head."""
        return int(np.isin(_hashes(doc_ids, self.salt), self.hashes).sum())


def _hashes(doc_ids: pa.Array | pa.ChunkedArray, salt: str) -> npt.NDArray[np.uint64]:
    key = bytes.fromhex(salt)
    values = doc_ids.cast(pa.large_binary()).to_pylist()
    return _numbers(b"".join(hashlib.blake2b(value, digest_size=HASH_BYTES, key=key).digest() for value in values))


def _numbers(data: bytes) -> npt.NDArray[np.uint64]:
    narrow = np.frombuffer(data, np.uint8).reshape(-1, HASH_BYTES)
    wide = np.zeros((len(narrow), 8), np.uint8)
    wide[:, -HASH_BYTES:] = narrow
    return wide.view(">u8").astype(np.uint64).reshape(-1)
