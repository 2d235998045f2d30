"""Journals of removals at work: what a vacuum is taking away, so that nobody lists it and a stop can be undone."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Mapping

from featurestore.errors import RESTORE, StoreError
from featurestore.objects import Objects
from featurestore.sealed import seal, unseal

FOLDER = "removing"

Names = Mapping[str, bytes]
"""Path → content of what is being removed."""


def write_journal(objects: Objects, names: Names) -> str:
    """Write down what is about to be removed; returns the journal's path, which nobody else writes or removes."""
    path = f"{FOLDER}/{uuid.uuid4().hex}.json"
    objects.put(path, seal({"removing": {name: base64.b64encode(data).decode() for name, data in names.items()}}))
    return path


def read_journals(objects: Objects) -> dict[str, dict[str, bytes]]:
    """Journal → what it holds; one that is removed meanwhile holds nothing.

    Raises:
        StoreError: a journal is damaged.
    """
    found = {}
    for path, _ in list(objects.walk(FOLDER)):
        try:
            data = objects.get(path)
            document = unseal(json.loads(data), data, objects.name(path))
            found[path] = {name: base64.b64decode(data) for name, data in document["removing"].items()}
        except FileNotFoundError:
            continue
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise StoreError(f"{objects.name(path)}: damaged: {error}; {RESTORE}") from error
    return found
