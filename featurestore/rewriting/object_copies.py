"""Copying the objects that snapshots need, each once, before those that name it, and no damaged one."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Lock

from encore.featurestore.common import ProgressCallback
from encore.featurestore.errors import StoreError
from encore.featurestore.format import missing_reference, read_reference
from encore.featurestore.history import LIST_PATH, SALT_PATH, Manifest, blocked, list_path, manifest_path, version_log
from encore.featurestore.segments import (
    SegmentEntry,
    SegmentReader,
    StoredObject,
    attempt_path,
    entries_of,
    read_deletions,
    record_path,
    vector_path,
)
from encore.featurestore.storage import OBJECTS_AT_ONCE, Objects

DAMAGED = "damaged: its bytes are not those that were written; run encore repair on the store, and copy again"


@dataclass(eq=False)
class Target:
    """The destination of a copy; an object that is there with the right size is not written again."""

    objects: Objects
    sizes: dict[str, int]
    written: int = 0
    written_bytes: int = 0
    there: int = 0
    lock: Lock = field(default_factory=Lock)

    def put(self, path: str, size: int, read: Callable[[], bytes]) -> None:
        """Write an object that never changes, unless it is there."""
        if self.sizes.get(path) == size:
            with self.lock:
                self.there += 1
            return
        data = read()
        self.objects.put(path, data)
        with self.lock:
            self.written, self.written_bytes = self.written + 1, self.written_bytes + len(data)
            self.sizes[path] = len(data)

    def put_small(self, path: str, data: bytes) -> None:
        """Write a small object, unless the same bytes are there: equal size is not enough."""
        same = self.sizes.get(path) == len(data) and self.objects.get(path) == data
        self.put(path, len(data) if same else -1, lambda: data)


def copy_block_list(objects: Objects, target: Target) -> None:
    """Copy the block list, before any document: it holds all that was blocked when a snapshot was committed."""
    # This raises if a list is damaged.
    blocked(objects)
    lists = [path for path, _ in objects.walk("blocked") if LIST_PATH.fullmatch(path)]
    if objects.size(SALT_PATH) is None:
        return
    salt = objects.get(SALT_PATH)
    if SALT_PATH in target.sizes and target.objects.get(SALT_PATH) != salt:
        # A repair has made another list since the last copy.
        target.objects.delete(path for path in target.sizes if LIST_PATH.fullmatch(path))
    target.put_small(SALT_PATH, salt)
    for path in lists:
        target.put_small(path, objects.get(path))


def copy_objects(objects: Objects, target: Target, snapshots: Sequence[Manifest], progress: ProgressCallback) -> None:
    """Copy the lists, deletion vectors and segments of these snapshots, each of them once."""
    log = version_log(objects)
    lists: dict[str, str] = {}
    vectors: dict[str, str] = {}
    entries: dict[tuple[str, str], tuple[SegmentEntry, str]] = {}
    for manifest in snapshots:
        path = manifest_path(manifest.version)
        lists |= {list_path(part.digest): path for part in manifest.lists}
        for entry in entries_of(log.entries(manifest)) if manifest.lists else ():
            entries[entry.segment, entry.attempt] = (entry, path)
            if entry.deletions is not None:
                vectors[entry.deletions] = path
    with ThreadPoolExecutor(OBJECTS_AT_ONCE) as pool:
        segments = pool.map(lambda found: _copy_segment(objects, target, *found), entries.values())
        for done, _ in enumerate(segments, 1):
            progress(done, len(entries))
        # The lists were read, and so verified, just now.
        list(pool.map(lambda path: target.put_small(path, read_reference(objects, path, lists[path])), lists))
        list(pool.map(lambda digest: _copy_vector(objects, target, digest, vectors[digest]), vectors))


def _copy_vector(objects: Objects, target: Target, digest: str, manifest: str) -> None:
    """Copy a deletion vector; reading it compares it with its name."""
    read_deletions(objects, digest, manifest)
    target.put_small(vector_path(digest), read_reference(objects, vector_path(digest), manifest))


def _copy_segment(objects: Objects, target: Target, entry: SegmentEntry, manifest: str) -> None:
    """Copy a segment's objects, and then the record that names them."""
    record = SegmentReader(objects, entry, manifest).record
    folder = attempt_path(entry.segment, entry.attempt)

    def read(stored: StoredObject) -> bytes:
        path = f"{folder}/{stored.path}"
        try:
            data = objects.get(path)
        except FileNotFoundError as error:
            raise missing_reference(objects, path, manifest) from error
        if hashlib.sha256(data).hexdigest() != stored.sha256:
            raise StoreError(f"{objects.name(path)}: {DAMAGED}")
        return data

    for stored in record.objects:
        target.put(f"{folder}/{stored.path}", stored.size, lambda stored=stored: read(stored))  # type: ignore[misc]
    path = record_path(entry.segment)
    data = read_reference(objects, path, manifest, entry.record)
    target.put(path, len(data), lambda: data)
