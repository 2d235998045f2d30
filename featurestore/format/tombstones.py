"""Tombstones: a manifest or a completion record that was removed leaves one, so that its name is never used again.

While a removal is at work, a tombstone holds the bytes of the removed object: a reader that still needs them takes them
from the tombstone, and the removal can put them back. Only an emptied tombstone means that the objects to which the
name led may be gone (docs/design/0025).
"""

from __future__ import annotations

from dataclasses import dataclass

from encore.featurestore.errors import StoreError
from encore.featurestore.format.seals import parse_json, seal, unseal
from encore.featurestore.storage import Objects

NO_FORMAT = 2
"""The version that tombstones claim to be of, so that no reader takes one for a manifest or a record."""


@dataclass(frozen=True)
class ObjectState:
    """What lies under a name.

    Attributes:
        content: the object's bytes, or what its tombstone holds of it; None where the tombstone is empty.
        retired: whether there is a tombstone.
    """

    content: bytes | None
    retired: bool


def tombstone(held: bytes | None = None) -> bytes:
    """A tombstone that holds these bytes of UTF-8, or nothing."""
    return seal({"format_version": NO_FORMAT, "retired": None if held is None else held.decode()})


EMPTIED = tombstone()
START = EMPTIED[: EMPTIED.index(b"null")]
"""No manifest and no completion record begins like this."""


def is_emptied(path: str, size: int) -> bool:
    """Whether a listing shows an emptied tombstone: manifests and completion records are larger."""
    return size == len(EMPTIED) and path.endswith(".json")


def opened(data: bytes, name: str) -> ObjectState:
    """The state that an object's bytes show; ``name`` is the object's, for the StoreError about a damaged tombstone."""
    if not data.startswith(START):
        return ObjectState(data, retired=False)
    try:
        held = unseal(parse_json(data), data, name)["retired"]
        return ObjectState(None if held is None else held.encode(), retired=True)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise StoreError(f"{name}: damaged: not a tombstone: {error}") from error


def object_state(objects: Objects, path: str) -> ObjectState | None:
    """What lies under a name; None where nothing ever did.

    Raises:
        StoreError: a tombstone is damaged.
    """
    try:
        return opened(objects.get(path), objects.name(path))
    except FileNotFoundError:
        return None


def retire(objects: Objects, path: str) -> None:
    """Put a tombstone that holds an object in its place; an object that is retired already is left as it is.

    If there is no object, or one that is not text and so of no use, an emptied tombstone takes the name.
    """
    try:
        data = objects.get(path)
    except FileNotFoundError:
        objects.create(path, EMPTIED)
        return
    if data.startswith(START):
        return
    try:
        grave = tombstone(data)
    except UnicodeDecodeError:
        grave = EMPTIED
    objects.replace(path, grave)
