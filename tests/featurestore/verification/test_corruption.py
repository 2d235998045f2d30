"""Damage to any object of a store is found by a deep verification, and no read turns it into wrong features."""

from __future__ import annotations

import random
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from encore.featurestore import Catalogue, StoreError, UsageError
from encore.featurestore.format.tombstones import retire
from encore.featurestore.history.block_list import block, blocked
from encore.featurestore.history.tags import add_tag
from encore.featurestore.storage import local_files
from encore.featurestore.storage.objects import Objects
from encore.featurestore.verification.store import verify
from tests.featurestore.building import expected, held, put, spec_of

SPEC = spec_of("float16")
HISTORY = [
    {f"doc-{i}": f"text {i}" for i in range(8)},
    {f"doc-{i}": f"text {i}" for i in range(1, 8)} | {"doc-2": "changed"},
    {f"doc-{i}": f"text {i}" for i in range(1, 8)} | {"doc-2": "changed", "doc-9": "new"},
]
"""The texts of each snapshot."""
BLOCKED = ["doc-0", "somebody"]

KINDS = {
    "store.json": r"store\.json",
    "manifest": r"manifests/.*",
    "list": r"lists/.*",
    "deletion vector": r"deletions/.*",
    "completion record": r"segments/\w+\.json",
    "group": r"segments/\w+/\w+/zarr\.json",
    "features": r"segments/.*/features/zarr\.json",
    "offsets": r"segments/.*/offsets/zarr\.json",
    "feature shard": r"segments/.*/features/c/.*",
    "offsets shard": r"segments/.*/offsets/c/.*",
    "documents": r"segments/.*/documents\.parquet",
    "tag": r"tags/.*",
    "block list": r"blocked/.*\.parquet",
    "salt": r"blocked/salt",
}
LAST_MANIFEST = f"manifests/{len(HISTORY):020d}.json"


@dataclass(frozen=True)
class Damage:
    """What happens to an object: its bytes → other bytes, or None for no object at all."""

    name: str
    change: Callable[[bytes], bytes | None]

    def __repr__(self) -> str:
        return self.name


def flipped(data: bytes, at: int, mask: int) -> bytes:
    return data[:at] + bytes([data[at] ^ mask]) + data[at + 1 :]


def somewhere(seed: int) -> Damage:
    def flip(data: bytes) -> bytes:
        chance = random.Random(f"{seed} {len(data)}")
        return flipped(data, chance.randrange(len(data)), chance.randrange(1, 256))

    return Damage(f"flip {seed}", flip)


DAMAGES = [
    Damage("flip the first byte", lambda data: flipped(data, 0, 1)),
    Damage("flip the last byte", lambda data: flipped(data, len(data) - 1, 128)),
    *map(somewhere, range(3)),
    Damage("cut the last byte", lambda data: data[:-1]),
    Damage("cut a half", lambda data: data[: len(data) // 2]),
    Damage("empty", lambda data: b""),
    Damage("delete", lambda data: None),
]


CASES = [(kind, change) for kind in KINDS for change in DAMAGES if (kind, change.name) != ("tag", "delete")]
"""Nothing refers to a tag, so nothing tells that one is gone."""


@pytest.fixture(autouse=True)
def nobody_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty file is damage here: no writer is taking the name at the same time."""
    monkeypatch.setattr(local_files, "PAUSE", 0)


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of three snapshots, with everything that a store can have."""
    folder = tmp_path_factory.mktemp("sound") / "store"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("encore.featurestore.segments.writer.CHUNK_BYTES", 128)
        store = Catalogue.create(str(folder), SPEC)
        for before, now in zip([{}, *HISTORY], HISTORY, strict=False):
            store = put(store, now, prune=frozenset(before.keys() - now.keys()))
            if len(now) == len(HISTORY[1]):
                # The next snapshot counts them.
                block(store.objects, BLOCKED)
    add_tag(store.objects, "v1", 2)
    assert held(store) == expected(HISTORY[-1], SPEC)
    return folder


@pytest.fixture
def store(sound: Path, tmp_path: Path) -> Objects:
    """A copy of it to damage."""
    shutil.copytree(sound, tmp_path / "store")
    return Objects.open(str(tmp_path / "store"))


def of_kind(objects: Objects, kind: str) -> list[str]:
    return sorted(path for path, _ in objects.walk() if re.fullmatch(KINDS[kind], path))


def damage(objects: Objects, path: str, data: bytes | None) -> None:
    """Leave an object with these bytes, or without any."""
    if data is None:
        objects.delete([path])
    else:
        objects.put(path, data)


def named(objects: Objects, *, deep: bool = True) -> set[str]:
    """Full names of the objects that a verification finds something wrong with."""
    try:
        return {finding.object for finding in verify(Objects.open(objects.uri), deep=deep).findings}
    except StoreError as error:
        return {str(error).split(": ", maxsplit=1)[0]}


SNAPSHOTS: dict[int | str, dict[str, str]] = {1: HISTORY[0], 2: HISTORY[1], "v1": HISTORY[1], 3: HISTORY[2]}


def check_reads(objects: Objects, path: str, snapshots: Sequence[int | str] = tuple(SNAPSHOTS)) -> int:
    """Read snapshots in every way, and count the refusals.

    Fails where a read gives anything but the features that were stored, or an error that does not name the object.
    """
    name = objects.name(path)
    errors = []
    for snapshot in snapshots:
        wanted = expected(SNAPSHOTS[snapshot], SPEC)
        for read in (held, lambda store: gathered(store, "doc-2", "doc-7")):
            try:
                found = read(Catalogue.open(objects.uri, snapshot))
            except StoreError as error:
                errors.append(str(error))
            except UsageError:
                # No store, no such snapshot, no such tag.
                assert objects.size(path) is None
            else:
                assert found == {doc_id: wanted[doc_id] for doc_id in found}
                assert found.keys() in ({"doc-2", "doc-7"}, wanted.keys())
    assert [error for error in errors if name not in error] == []
    return len(errors)


def gathered(store: Catalogue, *doc_ids: str) -> dict[str, bytes]:
    block = store.gather(doc_ids)
    rows = zip(doc_ids, block.offsets[:-1], block.offsets[1:], strict=True)
    return {doc_id: block.packed[start:stop].tobytes() for doc_id, start, stop in rows}


def test_a_sound_store_is_clean_and_every_kind_of_object_is_in_it(store: Objects) -> None:
    found = verify(Objects.open(store.uri), deep=True)
    assert found.findings == ()
    paths = dict(store.walk())
    assert sorted(path for kind in KINDS for path in of_kind(store, kind)) == sorted(paths)
    assert (found.objects, found.bytes, found.read_bytes) == (len(paths), sum(paths.values()), sum(paths.values()))
    assert (found.unreferenced, found.snapshots) == (0, (1, 2, 3))


@pytest.mark.parametrize(("kind", "change"), CASES, ids=repr)
def test_damage_is_found_and_never_read(store: Objects, kind: str, change: Damage) -> None:
    # Nothing tells that the newest snapshot has gone, either.
    paths = [path for path in of_kind(store, kind) if change.name != "delete" or path != LAST_MANIFEST]
    path = random.Random(f"{kind} {change}").choice(paths)
    data = store.get(path)
    damaged = change.change(data)
    assert damaged != data
    damage(store, path, damaged)
    # Nothing knows the name of a block list, so the finding names the folder that lacks one.
    gone = kind == "block list" and damaged is None
    assert store.name("blocked" if gone else path) in named(store)
    refused = check_reads(store, path)
    if kind not in ("group", "block list", "salt") and (damaged is not None or path.startswith("segments/")):
        assert refused


@pytest.mark.parametrize("kind", ["feature shard", "group", "features", "offsets", "offsets shard", "documents"])
def test_what_is_missing_or_cut_is_found_without_reading_features(store: Objects, kind: str) -> None:
    path = of_kind(store, kind)[0]
    data = store.get(path)
    for damaged in (None, data[:-1], b""):
        damage(store, path, damaged)
        assert named(store, deep=False) == {store.name(path)}
    store.put(path, flipped(data, len(data) // 2, 1))
    assert named(store, deep=False) == (set() if kind == "feature shard" else {store.name(path)})


@pytest.mark.parametrize("change", [change for change in DAMAGES if change.name != "delete"], ids=repr)
def test_the_tombstone_of_an_interrupted_removal(store: Objects, change: Damage) -> None:
    """A damaged tombstone is found if a snapshot needs what it holds. No read of that gives anything else."""
    taken = of_kind(store, "completion record")[0]
    retire(store, taken)
    assert verify(Objects.open(store.uri), deep=True).findings == ()
    assert check_reads(store, taken) == 0
    store.put(taken, change.change(store.get(taken)) or b"")
    assert named(store) == {store.name(taken)}
    assert check_reads(store, taken) > 0


def test_damage_in_a_bucket_is_found_and_never_read(sound: Path, s3_bucket: str) -> None:
    local, store = Objects.open(str(sound)), Objects.open(f"{s3_bucket}/store")
    for path, _ in local.walk():
        store.put(path, local.get(path))
    assert named(store) == set()
    for kind, way in (
        ("list", "flip"),
        ("deletion vector", "cut"),
        ("documents", "lose"),
        ("feature shard", "flip"),
        ("feature shard", "lose"),
        ("offsets shard", "cut"),
    ):
        path = of_kind(store, kind)[-1]
        data = store.get(path)
        damage(store, path, {"flip": flipped(data, len(data) // 2, 1), "cut": data[:-1], "lose": None}[way])
        assert named(store) == {store.name(path)}
        assert check_reads(store, path) > 0
        store.put(path, data)


def test_one_broken_object_stops_the_check_of_no_other(store: Objects) -> None:
    """All are broken at once: objects of each kind in which findings can be told apart."""
    broken = [*of_kind(store, "deletion vector"), *(of_kind(store, kind)[0] for kind in ("tag", "group", "salt"))]
    shards = of_kind(store, "feature shard")
    records = of_kind(store, "completion record")
    first = {path.split("/")[1] for path in shards[:2]}
    broken += shards[:2]
    broken += [record for record in records if Path(record).stem not in first][:1]
    broken.append(f"manifests/{1:020d}.json")
    for path in broken:
        store.put(path, flipped(store.get(path), 3, 1))
    assert named(store) == {store.name(path) for path in broken}


def test_a_damaged_list_hides_its_own_snapshot_alone(store: Objects) -> None:
    newest = Catalogue.open(store.uri)
    path = f"lists/{newest.manifest.lists[-1].digest}.parquet"
    store.put(path, store.get(path)[:-1])
    segment = Catalogue.open(store.uri, 1).entries[0].segment
    (shard,) = (shard for shard in of_kind(store, "feature shard") if segment in shard)
    store.delete([shard])
    assert {store.name(path), store.name(shard)} <= named(store)


def test_the_block_list_never_forgets_in_silence(store: Objects) -> None:
    for kind in ("block list", "salt"):
        (path,) = of_kind(store, kind)
        data = store.get(path)
        for at in range(0, len(data), max(1, len(data) // 20)):
            store.put(path, flipped(data, at, 1))
            with pytest.raises(StoreError, match=r"blocked/.*: "):
                blocked(store)
        store.put(path, data)
    assert blocked(store).mask(BLOCKED).all()


@pytest.mark.soak
@pytest.mark.parametrize("kind", KINDS)
def test_every_byte_of_a_store(store: Objects, kind: str) -> None:
    """Each byte of the largest object of each kind flipped, and the object cut at every eighth."""
    path = max(of_kind(store, kind), key=lambda path: len(store.get(path)))
    data = store.get(path)
    chance = np.random.default_rng(len(data))
    for at in range(len(data)):
        for damaged in (flipped(data, at, int(chance.integers(1, 256))), *([data[:at]] if at % 8 == 0 else [])):
            store.put(path, damaged)
            assert store.name(path) in named(store), (at, len(damaged))
            check_reads(store, path, [list(SNAPSHOTS)[at % len(SNAPSHOTS)]])
    store.put(path, data)
    assert named(store) == set()
