"""The top of a store: `store.json`, manifests, tags, and the lists that say which segments a snapshot holds."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from pathlib import PurePosixPath

from encore.featurestore.errors import RESTORE, StoreError, UsageError
from encore.featurestore.format import FORMAT_VERSION, opened, parse_json
from encore.featurestore.history import (
    STORE_FILE,
    TAG_NAME,
    Manifest,
    manifest_path,
    read_spec,
    snapshot_number,
    version_log,
)
from encore.featurestore.spec import FeatureSpec
from encore.featurestore.verification.findings import Audit


def check_store_file(audit: Audit) -> FeatureSpec | None:
    """The store's spec; None, and a finding, if it cannot be read.

    Raises:
        UsageError: there is no store here.
        StoreError: the store is of a newer format, of which this release knows nothing.
    """
    if audit.objects.size(STORE_FILE) is None and next(audit.objects.walk("manifests"), None) is None:
        raise UsageError(f"{audit.objects.uri}: no store here (no {STORE_FILE}); encore encode makes one")
    data = audit.read(STORE_FILE)
    if data is None:
        return None
    try:
        spec = read_spec(audit.objects)
    except StoreError as error:
        if _is_newer(data):
            raise
        audit.refused(STORE_FILE, error)
        return None
    document = json.loads(data)
    if document.get("format") != "encore-store":
        audit.report(STORE_FILE, "damaged: its format is not encore-store")
    return spec


def _is_newer(data: bytes) -> bool:
    try:
        document = parse_json(data)
    except ValueError:
        return False
    version = document.get("format_version") if isinstance(document, dict) else None
    return isinstance(version, int) and version != FORMAT_VERSION


def check_manifests(audit: Audit, only: int | None) -> list[Manifest]:
    """The manifests that can be read, oldest first; of one snapshot alone where it is named.

    Raises:
        UsageError: the snapshot that is named is not there.
    """
    listed = version_log(audit.objects).taken()
    numbers, there = sorted(listed), sorted(number for number, emptied in listed.items() if not emptied)
    if only is not None and only not in there:
        newest = max(there, default=0)
        raise UsageError(f"{audit.objects.uri}: no snapshot {only}; the newest is {newest}")
    tagged = _check_tags(audit, set(there), only)
    read = [_read_manifest(audit, version, version in tagged) for version in there if only in (None, version)]
    manifests = [manifest for manifest in read if manifest is not None]
    if only is not None:
        return manifests
    _check_gaps(audit, numbers)
    return manifests


def _check_gaps(audit: Audit, there: Sequence[int]) -> None:
    """Numbers rise by one; those of snapshots that were removed are taken by tombstones."""
    for below, above in itertools.pairwise(there):
        if above - below > 1:
            missing = f" {below + 1}" if above - below == 2 else f"s {below + 1} to {above - 1}"
            audit.report(manifest_path(below + 1), f"missing: snapshot{missing} between {below} and {above}", RESTORE)


def _read_manifest(audit: Audit, version: int, tagged: bool) -> Manifest | None:
    path = manifest_path(version)
    data = audit.read(path)
    if data is None:
        return None
    try:
        found = opened(data, audit.objects.name(path))
        if found.content is None or (found.retired and not tagged):
            # A removal that is at work, or was interrupted, has taken it. One with a tag is still read, and is put
            # back.
            return None
        manifest = Manifest.from_bytes(found.content, audit.objects.name(path))
    except StoreError as error:
        audit.refused(path, error)
        return None
    if (manifest.version, manifest.parent) != (version, version - 1):
        audit.report(
            path, f"damaged: says that it is snapshot {manifest.version}, made from snapshot {manifest.parent}"
        )
        return None
    return manifest


def _check_tags(audit: Audit, there: set[int], only: int | None) -> set[int]:
    """Numbers of the snapshots that have a tag."""
    tagged = set()
    for path, size in audit.objects.walk("tags"):
        name = PurePosixPath(path).name.removesuffix(".json")
        if path != f"tags/{name}.json" or not TAG_NAME.fullmatch(name):
            continue
        try:
            snapshot = snapshot_number(audit.objects, name)
        except UsageError:
            # The tag was removed since the listing.
            continue
        except StoreError as error:
            audit.compared(path, size)
            audit.refused(path, error, f"remove it (encore tag {name} --remove) and tag the snapshot again")
            continue
        if only in (None, snapshot):
            audit.compared(path, size)
            tagged.add(snapshot)
        if only is None and snapshot not in there:
            problem = f"names snapshot {snapshot}, whose manifest is missing"
            audit.report(path, problem, f"{RESTORE}, or remove the tag")
    return tagged
