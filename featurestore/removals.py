"""Journals of removals at work: what a vacuum is taking away, so that nobody lists it and a stop can be undone."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Mapping
from contextlib import suppress
from functools import lru_cache

from featurestore.errors import StoreError
from featurestore.objects import Listed, Objects
from featurestore.sealed import seal, unseal

FOLDER = "removing"

UNREADABLE = "when no encore vacuum is running, remove it, and run encore verify"
"""What to do about a journal that cannot be read."""

Names = Mapping[str, bytes]
"""Path → content of what is being removed."""


def write_journal(objects: Objects, names: Names) -> str:
    """Write down what is about to be removed; returns the journal's path, which nobody else writes or removes."""
    path = f"{FOLDER}/{uuid.uuid4().hex}.json"
    objects.put(path, seal({"removing": {name: base64.b64encode(data).decode() for name, data in names.items()}}))
    return path


def read_journals(objects: Objects) -> dict[str, Names]:
    """Journal → what it holds; one that is removed meanwhile holds nothing.

    Raises:
        StoreError: a journal is damaged.
    """
    found = {}
    for stored in list(objects.listing(FOLDER)):
        with suppress(FileNotFoundError):
            found[stored.path] = _journal(objects, stored)
    return found


@lru_cache(maxsize=4)
def _journal(objects: Objects, stored: Listed) -> Names:
    """What a journal holds: it never changes, and a job that resumes asks for each of its units."""
    return parse_journal(objects.get(stored.path), objects.name(stored.path))


def parse_journal(data: bytes, name: str) -> dict[str, bytes]:
    """Path → content of what a journal holds; ``name`` is the journal's, for the StoreError if it is damaged."""
    try:
        document = unseal(json.loads(data), data, name)
        return {path: base64.b64decode(content) for path, content in document["removing"].items()}
    except (StoreError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise StoreError(f"{name}: damaged: not a journal of a removal; {UNREADABLE}") from error
