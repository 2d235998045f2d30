"""The block list: its lists are what their names say, and were made with the salt that is there."""

from __future__ import annotations

import hashlib

import pyarrow as pa
import pyarrow.parquet as pq

from featurestore.maintenance.block_list import HASH_TYPE, LIST_PATH, SALT_BYTES, SALT_CHECK, SALT_PATH
from featurestore.maintenance.verify_findings import Audit


def check_block_list(audit: Audit) -> None:
    """Check every list, and the salt, without which no list can be asked."""
    found = {path for path, _ in audit.objects.walk("blocked")}
    lists = sorted(path for path in found if LIST_PATH.fullmatch(path))
    if not lists and SALT_PATH not in found:
        return
    salt = audit.read(SALT_PATH)
    if salt is not None and len(salt) != SALT_BYTES:
        audit.report(SALT_PATH, f"damaged: {len(salt)} bytes, not {SALT_BYTES}")
        salt = None
    for path in lists:
        table = _list(audit, path)
        if table is None or salt is None:
            continue
        if (table.schema.metadata or {}).get(SALT_CHECK) != hashlib.sha256(salt).hexdigest().encode():
            audit.report(SALT_PATH, "damaged: the block lists were made with another salt")


def _list(audit: Audit, path: str) -> pa.Table | None:
    data = audit.read(path)
    if data is None:
        return None
    match = LIST_PATH.fullmatch(path)
    if match is None or hashlib.sha256(data).hexdigest() != match[1]:
        audit.report(path, "damaged: its bytes are not those that its name says")
        return None
    try:
        table = pq.read_table(pa.BufferReader(data))
    except (pa.ArrowException, OSError) as error:
        audit.report(path, f"is not a block list: {str(error).splitlines()[0]}")
        return None
    if table.schema.names != ["hash"] or table["hash"].type != HASH_TYPE:
        audit.report(path, "is not a block list: expected one column of hashes")
        return None
    return table
