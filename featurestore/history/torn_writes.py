"""A cheap check for damage by a power cut, before a job builds on a store: only sizes are looked at.

On a disk that takes microseconds. In object storage it would be a request, so it is left out: no object there is half
written, and reading shows which one is missing.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

from encore.featurestore.errors import RESTORE, StoreError
from encore.featurestore.format import is_emptied, missing_reference
from encore.featurestore.history.versions import Manifest, list_path, manifest_path
from encore.featurestore.segments import record_path
from encore.featurestore.storage import Objects


def require_lists(objects: Objects, manifest: Manifest) -> None:
    """Check that a snapshot's lists are there and not empty.

    Raises:
        StoreError: one is not; `SnapshotGone` where a vacuum has taken the snapshot.
    """
    _require(objects, (list_path(part.digest) for part in manifest.lists), manifest)


def require_records(objects: Objects, manifest: Manifest, segments: Iterable[str]) -> None:
    """Check that the completion records of the segments that a snapshot lists are there and not empty.

    Raises:
        StoreError: one is not; `SnapshotGone` where a vacuum has taken the snapshot.
    """
    _require(objects, map(record_path, segments), manifest)


def _require(objects: Objects, paths: Iterable[str], manifest: Manifest) -> None:
    if not objects.on_disk:
        return
    for path in paths:
        try:
            size = os.stat(f"{objects.uri}/{path}").st_size  # noqa: PTH116 (a path object takes as long again)
        except FileNotFoundError as error:
            raise missing_reference(objects, path, manifest_path(manifest.version)) from error
        if is_emptied(path, size):
            raise missing_reference(objects, path, manifest_path(manifest.version))
        if not size:
            raise StoreError(f"{objects.name(path)}: damaged: it is empty; {RESTORE}")
