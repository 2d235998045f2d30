"""`store.json` made anew from a sound segment: each says which features the store holds, calibration included."""

from __future__ import annotations

import hashlib
from collections.abc import Container, Iterator
from typing import Any

from encore.featurestore.errors import StoreError, UsageError
from encore.featurestore.format import FORMAT_VERSION, is_emptied, is_of_another_format, parse_json, seal
from encore.featurestore.history import STORE_FILE, read_spec, store_file_of
from encore.featurestore.segments import GROUP_FILE, RECORD, SegmentRecord, attempt_path, read_record
from encore.featurestore.spec import FeatureSpec
from encore.featurestore.storage import Objects


def sound_spec(objects: Objects) -> FeatureSpec | None:
    """The spec in `store.json`; None if it is damaged, or missing although there are manifests.

    Raises:
        StoreError: it is of a newer format.
    """
    try:
        return read_spec(objects)
    except StoreError:
        if is_of_another_format(objects.get(STORE_FILE), FORMAT_VERSION):
            raise
        return None


def rebuilt(objects: Objects, store_id: str) -> bytes:
    """A new `store.json`, made from what the store's segments say.

    Args:
        objects: of the store.
        store_id: name of the store to its predictions.

    Raises:
        StoreError: no segment has a spec that matches its record.
    """
    for record in records(objects):
        spec = _spec_of(objects, record)
        if spec is not None:
            return store_file_of(spec, store_id)
    raise StoreError(
        f"{objects.name(STORE_FILE)}: cannot be made anew: no segment has a sound description; "
        "restore it from a copy of the store, or encode into a new one"
    )


def old_store_id(objects: Objects, rebuilt_file: bytes) -> str | None:
    """The store's id from a damaged `store.json`, if the checksum in it confirms the id; None otherwise.

    The checksum covers the id and the fields that were rebuilt. If it fits these together, the damage lies elsewhere.
    """
    new: dict[str, Any] = {key: value for key, value in parse_json(rebuilt_file).items() if key != "checksum"}
    try:
        old = parse_json(objects.get(STORE_FILE))
        mended = seal(new | {key: old[key] for key in ("store_id", "created_by")})
        return str(old["store_id"]) if parse_json(mended)["checksum"] == old["checksum"] else None
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def records(objects: Objects, without: Container[str] = ()) -> Iterator[SegmentRecord]:
    """Completion records that are sound in themselves, newest first; those of the segments ``without`` are left out."""
    for stored in sorted(objects.listing("segments"), key=lambda it: (it.written_at, it.path), reverse=True):
        match = RECORD.fullmatch(stored.path)
        if match is None or match[1] in without or is_emptied(stored.path, stored.size):
            continue
        try:
            record = read_record(objects, match[1])
        except StoreError:
            continue
        if record is not None and record.segment == match[1]:
            yield record


def _spec_of(objects: Objects, record: SegmentRecord) -> FeatureSpec | None:
    """The spec that a segment's group describes, if it is the one that its record names."""
    wanted = {stored.path: stored.sha256 for stored in record.objects}.get(GROUP_FILE)
    try:
        data = objects.get(f"{attempt_path(record.segment, record.attempt)}/{GROUP_FILE}")
        if hashlib.sha256(data).hexdigest() != wanted:
            return None
        spec = FeatureSpec.from_dict(parse_json(data)["attributes"]["spec"])
    except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError, UsageError):
        return None
    return spec if spec.fingerprint == record.spec else None
