"""A consistent copy of a store that others are writing to: its newest snapshot, the tagged ones, and what they need.

Objects are copied before what names them, and the newest manifest last. An interrupted copy is not a store yet, or is
still the older copy; another call continues it.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass

from encore.featurestore.catalogue import Catalogue
from encore.featurestore.common import ProgressCallback, silent
from encore.featurestore.errors import SnapshotGone, UsageError
from encore.featurestore.format import EMPTIED, object_state
from encore.featurestore.history import STORE_FILE, Manifest, manifest_path, read_tags, tag_path, version_log
from encore.featurestore.rewriting.object_copies import Target, copy_block_list, copy_objects
from encore.featurestore.storage import TRIES_BESIDE_VACUUM, Objects


@dataclass(frozen=True)
class StoreCopy:
    """A copy of a store, and what was written for it.

    Attributes:
        store: the copy, at the snapshot that was copied.
        tags: names of the tags that were copied.
        objects: objects that were written.
        bytes: bytes of these.
        there: objects that an earlier copy had written.
    """

    store: Catalogue
    tags: tuple[str, ...]
    objects: int
    bytes: int
    there: int


def copy_store(
    source: str, destination: str, snapshot: int | str | None = None, *, progress: ProgressCallback = silent
) -> StoreCopy:
    """Copy a store, or bring a copy of it up to date; checksums are compared on the way.

    Args:
        source: URI of the store; each try opens it anew.
        destination: URI of the copy; no other process may write to it meanwhile.
        snapshot: number or tag of the newest snapshot that the copy is to have; the store's own unless given.
        progress: called after each segment that is copied or was there.

    Raises:
        UsageError: no store, no such snapshot, or the destination holds something else.
        StoreError: an object of the store is missing or damaged; the copy is what it was before.
    """
    for _ in range(TRIES_BESIDE_VACUUM - 1):
        store = Catalogue.open(source, snapshot)
        try:
            return _copy(store, destination, progress)
        except SnapshotGone:
            if snapshot is not None:
                raise
    return _copy(Catalogue.open(source, snapshot), destination, progress)


def _copy(store: Catalogue, destination: str, progress: ProgressCallback) -> StoreCopy:
    """One try."""
    objects, newest = store.objects, store.version
    tagged = {number: held for number, held in _tags(objects).items() if number <= newest}
    found = {number: object_state(objects, manifest_path(number)) for number in sorted({newest, *tagged} - {0})}
    # A snapshot whose tag was removed meanwhile may be gone. A tagged one that a tombstone holds still has all its
    # objects.
    manifests = {n: it.content for n, it in found.items() if it and it.content and (n in tagged or not it.retired)}
    if newest and newest not in manifests:
        raise SnapshotGone(f"{objects.uri}: snapshot {newest} was removed by a vacuum; run the command again")
    target = Target(there := Objects.open(destination, make=True), dict(there.walk()))
    there.require_no_links()
    _require_same_store(store, target)
    copy_block_list(objects, target)
    names = {number: objects.name(manifest_path(number)) for number in manifests}
    snapshots = [Manifest.from_bytes(data, names[number]) for number, data in manifests.items()]
    copy_objects(objects, target, snapshots, progress)
    for number in range(min(manifests, default=newest), newest):
        if number not in manifests and manifest_path(number) not in target.sizes:
            there.create(manifest_path(number), EMPTIED)
    for number, data in manifests.items():
        # The newest last: with it the copy is whole.
        there.barrier()
        target.put_small(manifest_path(number), data)
        for name, tag in tagged.get(number, {}).items():
            target.put_small(tag_path(name), tag)
    there.barrier()
    target.put_small(STORE_FILE, objects.get(STORE_FILE))
    there.barrier()
    kept = tuple(sorted(name for number in manifests for name in tagged.get(number, ())))
    return StoreCopy(Catalogue.open(destination, newest), kept, target.written, target.written_bytes, target.there)


def _tags(objects: Objects) -> dict[int, dict[str, bytes]]:
    """Snapshot → its tags → their bytes at this moment: tags are copied as they are when snapshots are chosen."""
    found: dict[int, dict[str, bytes]] = {}
    for name, number in read_tags(objects).items():
        # A tag that was removed or moved since is left to the next copy.
        with suppress(FileNotFoundError):
            data = objects.get(tag_path(name))
            if json.loads(data)["snapshot"] == number:
                found.setdefault(number, {})[name] = data
    return found


def _require_same_store(store: Catalogue, target: Target) -> None:
    """Check that the destination is empty, or an older copy.

    Raises:
        UsageError: it is not.
    """
    there = target.objects
    if there.uri == store.uri:
        raise UsageError(f"{there.uri}: is the store itself; name another folder with --to")
    if "predictions.json" in target.sizes:
        raise UsageError(f"{there.uri}: holds predictions; a store needs a folder of its own")
    if STORE_FILE in target.sizes and Catalogue.open(there.uri).store_id != store.store_id:
        raise UsageError(f"{there.uri}: holds another store; name another folder with --to")
    numbers = {number for number, emptied in version_log(there).taken().items() if not emptied}
    if max(numbers, default=0) > store.version:
        raise UsageError(
            f"{there.uri}: is no older copy: it is at snapshot {max(numbers)}, and {store.uri} at {store.version}; "
            "name another folder with --to"
        )
    for number in sorted(numbers):
        ours = object_state(store.objects, manifest_path(number))
        if ours is not None and ours.content is not None and ours.content != there.get(manifest_path(number)):
            raise UsageError(
                f"{there.uri}: its snapshot {number} differs from that of {store.uri}: "
                "somebody has written to the copy; name another folder with --to"
            )
