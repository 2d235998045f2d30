"""Objects that a snapshot names, and why one may be missing: a removal at work, a vacuum of the snapshot, or loss."""

from __future__ import annotations

import hashlib

from encore.featurestore.errors import RESTORE, SnapshotGone, StoreError
from encore.featurestore.format.tombstones import object_state, opened
from encore.featurestore.storage import Objects


def read_reference(objects: Objects, path: str, manifest: str | None = None, sha256: str | None = None) -> bytes:
    """An object that a snapshot names: a completion record, a segment list or a deletion vector.

    A removal may put a tombstone over a record at the moment when a commit lists it. The tombstone holds the record
    until the removal notices that and puts it back. If the removal was interrupted just then, the tombstone holds it
    for good.

    Args:
        objects: of the store.
        path: of the object.
        manifest: path of the manifest of the snapshot, to tell whether that is gone too.
        sha256: of its bytes (hex), where the snapshot says so.

    Raises:
        StoreError: it is not there, or damaged.
    """
    try:
        data = objects.get(path)
    except FileNotFoundError as error:
        raise missing_reference(objects, path, manifest) from error
    if sha256 is None or hashlib.sha256(data).hexdigest() == sha256:
        return data
    held = opened(data, objects.name(path))
    if held.content is not None and hashlib.sha256(held.content).hexdigest() == sha256:
        return held.content
    if held.retired or not _is_kept(objects, manifest):
        raise missing_reference(objects, path, manifest)
    raise StoreError(f"{objects.name(path)}: damaged: its bytes are not those that were listed; {RESTORE}")


def missing_reference(objects: Objects, path: str, manifest: str | None = None) -> StoreError:
    """The error for a missing object. A vacuum removes the snapshot's manifest first, so the manifest tells why."""
    if not _is_kept(objects, manifest):
        return SnapshotGone(
            f"{objects.name(path)}: gone with its snapshot: a vacuum removed the snapshot after you opened it\n"
            "open the store anew (run the command again); a tag, or a longer age limit of the vacuum, keeps a snapshot"
        )
    return StoreError(f"{objects.name(path)}: missing; {RESTORE}")


def _is_kept(objects: Objects, manifest: str | None) -> bool:
    """Whether a snapshot's manifest is there and is not a tombstone."""
    if manifest is None:
        return True
    found = object_state(objects, manifest)
    return found is not None and not found.retired
