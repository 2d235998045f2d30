"""The bytes of one segment: the completion record is the one that was listed, the objects are those that it names."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from encore.featurestore.errors import StoreError
from encore.featurestore.format import opened, parse_json
from encore.featurestore.segments import (
    GROUP_FILE,
    INDEX_FILE,
    SegmentEntry,
    SegmentReader,
    SegmentRecord,
    StoredObject,
    attempt_path,
    record_path,
)
from encore.featurestore.spec import FeatureSpec
from encore.featurestore.storage import Objects
from encore.featurestore.verification.findings import Audit

READ_WHOLE = (GROUP_FILE, "features/zarr.json", "offsets/zarr.json", INDEX_FILE)
"""Objects that are compared by sha256 in every verification; of the others, one is as large as the features."""
LISTED_FIELDS = ("segment", "attempt", "documents", "rows", "tokens", "payload_bytes", "stored_bytes")
WRITTEN_SO = (
    "its writer made this error: delete the segment's documents (encore delete), encode them again, "
    "and report the error"
)


class HeldObjects(Objects):
    """Hands out what was read already without reading it again.

    Attributes:
        held: path → bytes.
    """

    def __init__(self, objects: Objects) -> None:
        super().__init__(objects.raw, objects.uri)
        self.held: dict[str, bytes] = {}

    def get(self, path: str) -> bytes:
        """Bytes of an object; raises FileNotFoundError where there is none."""
        return self.held[path] if path in self.held else super().get(path)


@dataclass(frozen=True, eq=False)
class SegmentObjects:
    """A segment whose record is sound, for checks of what its objects say.

    Attributes:
        audit: takes the findings.
        entry: how the segment is listed.
        record: its completion record.
        objects: gives what was read of it.
        bad: paths below the attempt of the objects that are missing or damaged.
    """

    audit: Audit
    entry: SegmentEntry
    record: SegmentRecord
    objects: HeldObjects
    bad: frozenset[str]

    @cached_property
    def reader(self) -> SegmentReader:
        """Reads it as every job does."""
        return SegmentReader(self.objects, self.entry)

    def path(self, below: str) -> str:
        """Path of what lies below the attempt."""
        return f"{attempt_path(self.entry.segment, self.entry.attempt)}/{below}"

    def json(self, below: str) -> dict[str, Any]:
        """One of `READ_WHOLE` that is not bad, as JSON; an empty dictionary if it is not a JSON object."""
        try:
            document = parse_json(self.objects.get(self.path(below)))
        except ValueError:
            return {}
        return document if isinstance(document, dict) else {}

    def shards(self, array: str) -> list[str]:
        """Paths below the attempt of the objects that hold an array's chunks."""
        return [stored.path for stored in self.record.objects if stored.path.startswith(f"{array}/c/")]

    def wrong(self, below: str, problem: str) -> None:
        """Note a problem in bytes that are as they were written, but whose content cannot be right."""
        self.audit.report(self.path(below), problem, WRITTEN_SO)


def check_objects(audit: Audit, spec: FeatureSpec | None, entry: SegmentEntry) -> SegmentObjects | None:
    """Compare a segment's bytes; None, and a finding, where its record cannot be trusted.

    Args:
        audit: takes the findings.
        spec: of the store; None where it cannot be read, and then nothing is compared with it.
        entry: how the segment is listed.
    """
    path = record_path(entry.segment)
    data = audit.read(path)
    if data is None:
        return None
    if hashlib.sha256(data).hexdigest() != entry.record:
        data = _held(audit, path, data)
        if data is None or hashlib.sha256(data).hexdigest() != entry.record:
            audit.report(path, "damaged: its bytes are not those that were listed")
            return None
    try:
        record = SegmentRecord.from_bytes(data, audit.objects.name(path))
    except StoreError as error:
        audit.refused(path, error)
        return None
    _check_record(audit, spec, entry, record)
    objects = HeldObjects(audit.objects)
    objects.held[path] = data
    folder = attempt_path(entry.segment, entry.attempt)
    sizes = dict(audit.objects.walk(folder))
    bad = {stored.path for stored in record.objects if not _is_sound(audit, objects, folder, stored, sizes)}
    missing = set(READ_WHOLE) - {stored.path for stored in record.objects}
    for left_out in sorted(missing):
        audit.report(path, f"does not name {left_out}, which every segment has")
    return SegmentObjects(audit, entry, record, objects, frozenset(bad | missing))


def _held(audit: Audit, path: str, data: bytes) -> bytes | None:
    """What a tombstone holds: an interrupted removal has not checked whether it is needed."""
    try:
        return opened(data, audit.objects.name(path)).content
    except StoreError:
        return None


def _check_record(audit: Audit, spec: FeatureSpec | None, entry: SegmentEntry, record: SegmentRecord) -> None:
    wrong = [name for name in LISTED_FIELDS if getattr(record, name) != getattr(entry, name)]
    if spec is not None and record.spec != spec.fingerprint:
        wrong.append("spec")
    if record.stored_bytes != sum(stored.size for stored in record.objects):
        wrong.append("sizes of its objects")
    if wrong:
        audit.report(record_path(entry.segment), f"disagrees with its list and the store in {', '.join(wrong)}")


def _is_sound(audit: Audit, objects: HeldObjects, folder: str, stored: StoredObject, sizes: Mapping[str, int]) -> bool:
    """Whether an object is there and, as far as this verification reads, holds what was written."""
    path = f"{folder}/{stored.path}"
    size = sizes.get(path)
    audit.seen(path, size or 0)
    if size is None:
        audit.missing(path)
        return False
    if size != stored.size:
        audit.report(path, f"damaged: {size} bytes, its record says {stored.size}")
        return False
    if stored.path in READ_WHOLE:
        data = audit.read(path)
        digest = None if data is None else hashlib.sha256(data).hexdigest()
        if data is not None:
            objects.held[path] = data
    elif audit.deep:
        digest = audit.digest(path, size)
    else:
        return True
    if digest is not None and digest != stored.sha256:
        audit.report(path, "damaged: its bytes are not those that its record says")
    return digest == stored.sha256
