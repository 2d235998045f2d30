"""Objects that a snapshot names and that are not there: taken by a removal, vacuumed with the snapshot, or lost."""

from __future__ import annotations

import hashlib
from contextlib import suppress

from featurestore.errors import RESTORE, SnapshotGone, StoreError
from featurestore.objects import Objects
from featurestore.removals import read_journals


def get_named(objects: Objects, path: str, manifest: str | None = None, sha256: str | None = None) -> bytes:
    """An object that a snapshot names: a completion record, a segment list or a deletion vector.

    Args:
        objects: of the store.
        path: of the object.
        manifest: path of the manifest of the snapshot, to tell whether that is gone too.
        sha256: of its bytes (hex), where the snapshot says so: another attempt may have its name by now.

    Raises:
        StoreError: it is nowhere, or damaged.
    """
    found = find_named(objects, path, sha256)
    if found is not None:
        return found
    if objects.size(path) is None or not _is_kept(objects, manifest):
        raise missing(objects, path, manifest)
    raise StoreError(f"{objects.name(path)}: damaged: its bytes are not those that were listed; {RESTORE}")


def find_named(objects: Objects, path: str, sha256: str | None = None) -> bytes | None:
    """An object, or what a removal has written down of it; None where neither is there, with these bytes if given.

    A removal takes what a snapshot names for a moment where a commit, or a tag, was as fast as the removal, and for
    longer where it was interrupted just then. It comes back out of the removal's journal.
    """
    looked: set[str] | None = None
    while True:
        with suppress(FileNotFoundError):
            data = objects.get(path)
            if _is_wanted(data, sha256):
                return data
        journals = read_journals(objects)
        for names in journals.values():
            if path in names and _is_wanted(names[path], sha256):
                return names[path]
        # It may have come back between the two looks, or have been taken by the next removal.
        if journals.keys() == looked:
            return None
        looked = set(journals)


def _is_wanted(data: bytes, sha256: str | None) -> bool:
    return sha256 is None or hashlib.sha256(data).hexdigest() == sha256


def _is_kept(objects: Objects, manifest: str | None) -> bool:
    return manifest is None or objects.size(manifest) is not None


def missing(objects: Objects, path: str, manifest: str | None = None) -> StoreError:
    """What to raise for an object that is not there; a vacuum removes a snapshot's manifest before anything else."""
    if not _is_kept(objects, manifest):
        return SnapshotGone(
            f"{objects.name(path)}: gone with its snapshot, which a vacuum has removed since it was opened\n"
            "open the store anew (run the command again); a tag or the vacuum's age limit keeps a snapshot for longer"
        )
    return StoreError(f"{objects.name(path)}: missing; {RESTORE}")
