"""The block list: ids that encode must not bring back, kept as salted hashes only.

``blocked/salt`` holds 32 random bytes; ``blocked/<digest>.parquet`` are immutable lists of keyed BLAKE2b-256 hashes of
ids, with the salt as the key. Somebody who has the store can test whether an id is on the list, but cannot read the
ids.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from encore.featurestore.documents import id_array
from encore.featurestore.errors import RESTORE, StoreError
from encore.featurestore.format import DIGEST_ROW_BYTES, read_parquet
from encore.featurestore.storage import REQUESTS_AT_ONCE, Objects

SALT_PATH = "blocked/salt"
SALT_BYTES = 32
HASH_BYTES = 32
LIST_PATH = re.compile(r"blocked/([0-9a-f]{64})\.parquet")
SALT_CHECK = b"salt_sha256"
"""Metadata of a list: the checksum of its salt. Without it, a damaged salt would let every blocked document in."""

HASH_TYPE = pa.binary(HASH_BYTES)


@dataclass(frozen=True, eq=False)
class BlockList:
    """The blocked ids of a store, at one moment.

    Attributes:
        lists: digests of the lists that it was read from.
        salt: key of the hashes; empty where nothing is blocked.
        hashes: (blocked,) fixed-size binary (32), unique.
    """

    lists: frozenset[str]
    salt: bytes
    hashes: pa.Array

    def __len__(self) -> int:
        """Number of ids."""
        return len(self.hashes)

    def mask(self, doc_ids: Sequence[str] | pa.Array | pa.ChunkedArray) -> npt.NDArray[np.bool_]:
        """(n,) bool: whether each id is blocked; costs nothing where no id is.

        Raises:
            DataError: an id is null.
        """
        if not len(self):
            return np.zeros(len(doc_ids), bool)
        found = pc.is_in(_hashes(id_array(doc_ids), self.salt), value_set=self.hashes)
        return np.asarray(found.to_numpy(zero_copy_only=False))


NOTHING = BlockList(frozenset(), b"", pa.array([], HASH_TYPE))


def blocked(objects: Objects, known: BlockList = NOTHING) -> BlockList:
    """The block list of a store as it is now.

    Args:
        objects: of the store.
        known: what was read before. It is returned if no list was added since, which costs one listing.

    Raises:
        StoreError: a list or the salt is missing or damaged.
    """
    paths = (LIST_PATH.fullmatch(path) for path, _ in objects.walk("blocked"))
    lists = frozenset(path[1] for path in paths if path)
    if lists == known.lists:
        return known
    salt = read_salt(objects)
    with ThreadPoolExecutor(REQUESTS_AT_ONCE) as pool:
        parts = list(pool.map(lambda digest: _read_list(objects, digest, salt), sorted(lists)))
    return BlockList(lists, salt, pc.unique(pa.chunked_array(parts, HASH_TYPE)))


def block(objects: Objects, doc_ids: Sequence[str] | pa.Array | pa.ChunkedArray) -> int:
    """Put ids on the block list.

    Returns:
        How many of them were not on it yet.

    Raises:
        DataError: an id is null.
        StoreError: the list as it is cannot be read.
    """
    ids = pc.unique(id_array(doc_ids))
    new = ids.filter(pa.array(~blocked(objects).mask(ids)))
    if not len(new):
        return 0
    # Another writer's salt may be there first: the one in force is read back.
    objects.create(SALT_PATH, secrets.token_bytes(SALT_BYTES))
    path, data = list_of(new, read_salt(objects))
    objects.create(path, data)
    return len(new)


def list_of(ids: pa.Array, salt: bytes) -> tuple[str, bytes]:
    """Path and bytes of a list of ids, which are unique and not null."""
    # Sorted, so that the list does not say in which order the ids were given.
    hashes = pa.array(sorted(_hashes(ids, salt).to_pylist()), HASH_TYPE)
    table = pa.table({"hash": hashes}).replace_schema_metadata({SALT_CHECK: hashlib.sha256(salt).hexdigest()})
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, write_page_checksum=True, write_statistics=False, use_dictionary=False)
    data = sink.getvalue().to_pybytes()
    return _list_path(hashlib.sha256(data).hexdigest()), data


def _hashes(ids: pa.Array, salt: bytes) -> pa.Array:
    # One call an id, about 1 µs, as for key hashes, and only where a store has a block list.
    values = ids.cast(pa.large_binary()).to_pylist()
    return pa.array([hashlib.blake2b(v, digest_size=HASH_BYTES, key=salt).digest() for v in values], HASH_TYPE)


def read_salt(objects: Objects) -> bytes:
    """The key of the hashes; raises StoreError where it is missing or damaged."""
    try:
        salt = objects.get(SALT_PATH)
    except FileNotFoundError as error:
        raise StoreError(f"{objects.name(SALT_PATH)}: missing; {RESTORE}") from error
    if len(salt) != SALT_BYTES:
        raise StoreError(f"{objects.name(SALT_PATH)}: damaged: {len(salt)} bytes, not {SALT_BYTES}; {RESTORE}")
    return salt


def _read_list(objects: Objects, digest: str, salt: bytes) -> pa.Array:
    name = objects.name(_list_path(digest))
    try:
        data = objects.get(_list_path(digest))
    except FileNotFoundError as error:
        raise StoreError(f"{name}: missing; {RESTORE}") from error
    if hashlib.sha256(data).hexdigest() != digest:
        raise StoreError(f"{name}: damaged: its bytes are not those that its name says; {RESTORE}")
    table = read_parquet(data, name, row_bytes=DIGEST_ROW_BYTES)
    if table.schema.names != ["hash"] or table["hash"].type != HASH_TYPE or table["hash"].null_count:
        raise StoreError(f"{name}: damaged: expected one column of hashes; {RESTORE}")
    if (table.schema.metadata or {}).get(SALT_CHECK) != hashlib.sha256(salt).hexdigest().encode():
        raise StoreError(f"{objects.name(SALT_PATH)}: damaged: the block lists were made with another salt; {RESTORE}")
    return table["hash"].combine_chunks()


def _list_path(digest: str) -> str:
    return f"blocked/{digest}.parquet"
