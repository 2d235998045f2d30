"""Deleting documents by id, and keeping them from coming back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from encore.featurestore.catalogue import Catalogue
from encore.featurestore.commits import Change, commit_on_head
from encore.featurestore.documents import id_array, key_hashes, words
from encore.featurestore.errors import DataError
from encore.featurestore.history import block as put_on_block_list

EXAMPLES = 5
"""How many of the ids that are not stored a message names."""


@dataclass(frozen=True)
class Deletion:
    """The result of a deletion.

    Attributes:
        store: the store after it.
        deleted: documents that it took away.
        not_stored: number of ids without a document, also those that another writer deleted meanwhile.
        missing: the ids that were not stored when it began.
        blocked: ids that were put on the block list; those that were on it already are not counted.
    """

    store: Catalogue
    deleted: int
    not_stored: int
    missing: tuple[str, ...]
    blocked: int

    @property
    def snapshot(self) -> int:
        """Number of the snapshot after the deletion."""
        return self.store.version

    def to_dict(self) -> dict[str, Any]:
        """JSON for programs."""
        return {
            "store": self.store.uri,
            "snapshot": self.snapshot,
            "deleted": self.deleted,
            "not_stored": self.not_stored,
            "not_stored_ids": list(self.missing),
            "blocked": self.blocked,
        }


def delete(
    store: Catalogue,
    doc_ids: str | Sequence[str] | pa.Array | pa.ChunkedArray,
    *,
    block: bool = False,
    strict: bool = False,
) -> Deletion:
    """Take documents out of the newest snapshot, as one commit; older snapshots and the bytes stay until a vacuum.

    A document is deleted wherever it lies at the moment of the commit, also in a segment of another writer.

    Args:
        store: the store, at the snapshot to look the ids up in first.
        doc_ids: ids; one that comes twice counts once.
        block: put the ids on the block list, those that are not stored too, so that encode skips them.
        strict: change nothing where an id is not stored.

    Raises:
        DataError: an id is null; or, under ``strict``, an id is not stored.
        StoreError: a link lies in the store; nothing is changed.
        CommitConflict: other writers were first too many times in a row.
    """
    store.objects.require_no_links()
    ids = pc.unique(id_array(doc_ids))
    keys = words(key_hashes(ids))
    missing = np.flatnonzero(~store.contains_keys(keys))
    unknown = tuple(ids.take(pa.array(missing)).to_pylist())
    if strict and len(missing):
        raise DataError(
            f"{store.uri}: {len(missing)} of {len(ids)} ids are not stored, for example "
            f"{', '.join(unknown[:EXAMPLES])}; nothing was changed. Without strict the others are deleted"
        )
    # The block list is written first: whatever happens in between, a deleted document cannot come back.
    blocked = put_on_block_list(store.objects, ids) if block else 0
    change = Change(store.version, "delete", deleted=keys, blocks=block and len(ids) > 0)
    before, after = commit_on_head(store, change)
    deleted = after.manifest.counts.get("deleted", 0) - before.manifest.counts.get("deleted", 0)
    return Deletion(after, deleted, len(ids) - deleted, unknown, blocked)
