"""The block list: its lists are what their names say, were made with the salt that is there, and none has gone."""

from __future__ import annotations

import hashlib

import pyarrow as pa
import pyarrow.compute as pc

from encore.featurestore.errors import StoreError
from encore.featurestore.format import DIGEST_ROW_BYTES, read_parquet
from encore.featurestore.history import HASH_TYPE, LIST_PATH, SALT_BYTES, SALT_CHECK, SALT_PATH
from encore.featurestore.verification.findings import Audit


def check_block_list(audit: Audit, counted: int) -> None:
    """Check every list, and the salt, without which no list can be used.

    Args:
        audit: takes the findings.
        counted: number of blocked ids that the checked snapshots give; the list must hold as many, since ids are never
            taken off it.
    """
    found = {path for path, _ in audit.objects.walk("blocked")}
    paths = sorted(path for path in found if LIST_PATH.fullmatch(path))
    if not paths and not counted and SALT_PATH not in found:
        return
    salt = audit.read(SALT_PATH)
    if salt is not None and len(salt) != SALT_BYTES:
        audit.report(SALT_PATH, f"damaged: {len(salt)} bytes, not {SALT_BYTES}")
        salt = None
    lists = [_list(audit, path) for path in paths]
    for table in lists:
        made_with = (table.schema.metadata or {}).get(SALT_CHECK) if table is not None else None
        if table is not None and salt is not None and made_with != hashlib.sha256(salt).hexdigest().encode():
            audit.report(SALT_PATH, "damaged: the block lists were made with another salt")
    sound = [table["hash"].combine_chunks() for table in lists if table is not None]
    there = len(pc.unique(pa.chunked_array(sound, HASH_TYPE)))
    if len(sound) == len(lists) and there < counted:
        audit.report("blocked", f"a list is missing: {there} ids are blocked, and a snapshot counts {counted}")


def _list(audit: Audit, path: str) -> pa.Table | None:
    data = audit.read(path)
    if data is None:
        return None
    match = LIST_PATH.fullmatch(path)
    if match is None or hashlib.sha256(data).hexdigest() != match[1]:
        audit.report(path, "damaged: its bytes are not those that its name says")
        return None
    try:
        table = read_parquet(data, audit.objects.name(path), row_bytes=DIGEST_ROW_BYTES)
    except StoreError as error:
        audit.refused(path, error)
        return None
    if table.schema.names != ["hash"] or table["hash"].type != HASH_TYPE or table["hash"].null_count:
        audit.report(path, "is not a block list: expected one column of hashes")
        return None
    return table
