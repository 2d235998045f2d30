"""Objects that a snapshot names and that are not there: taken by a removal, vacuumed with the snapshot, or lost."""

from __future__ import annotations

from contextlib import suppress

from featurestore.errors import RESTORE, StoreError
from featurestore.objects import Objects
from featurestore.removals import read_journals


def get_named(objects: Objects, path: str, manifest: str | None = None) -> bytes:
    """An object that a snapshot names: a completion record, a segment list or a deletion vector.

    Args:
        objects: of the store.
        path: of the object.
        manifest: path of the manifest of the snapshot, to tell whether that is gone too.

    Raises:
        StoreError: it is nowhere.
    """
    found = find_named(objects, path)
    if found is None:
        raise missing(objects, path, manifest)
    return found


def find_named(objects: Objects, path: str) -> bytes | None:
    """An object, or what a removal has written down of it; None where neither is there.

    A removal takes what a snapshot names for a moment where a commit, or a tag, was as fast as the removal, and for
    longer where it was interrupted just then. It comes back out of the removal's journal.
    """
    with suppress(FileNotFoundError):
        return objects.get(path)
    for names in read_journals(objects).values():
        if path in names:
            return names[path]
    # It may have come back between the two looks, and its journal have gone.
    with suppress(FileNotFoundError):
        return objects.get(path)
    return None


def missing(objects: Objects, path: str, manifest: str | None = None) -> StoreError:
    """What to raise for an object that is not there; a vacuum removes a snapshot's manifest before anything else."""
    if manifest is not None and objects.size(manifest) is None:
        return StoreError(
            f"{objects.name(path)}: gone with its snapshot, which a vacuum has removed since it was opened\n"
            "open the store anew; keep a snapshot that is read for longer with a tag or the vacuum's age limit"
        )
    return StoreError(f"{objects.name(path)}: missing; {RESTORE}")
