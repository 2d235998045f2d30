"""Which documents a head was trained on, as salted hashes: enough to warn who measures it on them."""

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
"""Of an id: 100,000 take 800 KB as text, and the chance that any of a million others is taken for one is 0.0004."""

SALT_BYTES = 32


@dataclass(frozen=True, eq=False)
class TrainingIds:
    """The ids that trained a head, none of them in the clear.

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
        """What a ``head.json`` says of them; None where it names none.

        Raises:
            KeyError, TypeError, ValueError: it says anything else.
        """
        if document.get("trained_on") is None:
            return None
        salt = document["digest"]
        if len(bytes.fromhex(salt)) != SALT_BYTES:
            raise ValueError("its digest is no sha256")
        data = base64.b64decode(document["trained_on"], validate=True)
        if len(data) % HASH_BYTES:
            raise ValueError(f"hashes of ids take {HASH_BYTES} bytes each")
        return cls(salt, _numbers(data))

    def to_text(self) -> str:
        """Base64 of the hashes, each as 6 big-endian bytes: ``trained_on`` of a ``head.json``."""
        wide = self.hashes.astype(">u8").view(np.uint8).reshape(-1, 8)
        return base64.b64encode(wide[:, -HASH_BYTES:].tobytes()).decode()

    def __len__(self) -> int:
        """Number of documents."""
        return len(self.hashes)

    def count(self, doc_ids: pa.Array | pa.ChunkedArray) -> int:
        """How many of these ids (strings) trained the head."""
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
