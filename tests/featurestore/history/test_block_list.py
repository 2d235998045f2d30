"""The block list recognises an id, and reveals none."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from encore.featurestore import DataError, StoreError
from encore.featurestore.history import block_list
from encore.featurestore.history.block_list import block, blocked
from encore.featurestore.storage.objects import Objects


@pytest.fixture
def objects(tmp_path: Path) -> Objects:
    return Objects.open(str(tmp_path))


def lists_of(objects: Objects) -> list[str]:
    return sorted(path for path, _ in objects.walk("blocked") if path.endswith(".parquet"))


def test_blocked_ids_are_known_and_others_are_not(objects: Objects) -> None:
    assert block(objects, ["a", "b", "", "é"]) == 4
    found = blocked(objects)
    assert len(found) == 4
    assert found.mask(["a", "c", "é", "b", "", "A", "a"]).tolist() == [True, False, True, True, True, False, True]
    assert found.mask(pa.chunked_array([["x"], ["a"]])).tolist() == [False, True]
    assert found.mask([]).tolist() == []


def test_lists_add_up_and_hold_an_id_once(objects: Objects) -> None:
    assert [block(objects, ids) for ids in (["a", "b", "a"], ["b", "c"], ["a", "c"])] == [2, 1, 0]
    assert len(lists_of(objects)) == 2
    assert len(blocked(objects)) == 3
    assert blocked(objects).mask(["a", "b", "c", "d"]).tolist() == [True, True, True, False]


def test_a_hash_is_keyed_blake2b_of_the_id(objects: Objects) -> None:
    block(objects, ["b", "a"])
    salt = objects.get("blocked/salt")
    assert len(salt) == 32
    (path,) = lists_of(objects)
    data = objects.get(path)
    assert path == f"blocked/{hashlib.sha256(data).hexdigest()}.parquet"
    wanted = sorted(hashlib.blake2b(name, key=salt, digest_size=32).digest() for name in (b"a", b"b"))
    assert pq.read_table(pa.BufferReader(data))["hash"].to_pylist() == wanted


def test_no_id_is_stored_in_clear_and_no_unsalted_hash(objects: Objects) -> None:
    name = "patient-4711-somebody"
    block(objects, [name, "another-person"])
    for path, _ in objects.walk():
        data = objects.get(path)
        for trace in (name, hashlib.blake2b(name.encode(), digest_size=32).hexdigest()):
            assert trace.encode() not in data
            assert trace.encode() not in path.encode()
        assert hashlib.blake2b(name.encode(), digest_size=32).digest() not in data
        assert hashlib.blake2b(name.encode(), digest_size=16).digest() not in data


def test_two_stores_hash_apart(tmp_path: Path) -> None:
    stores = [Objects.open(str(tmp_path / name), make=True) for name in ("one", "two")]
    for objects in stores:
        block(objects, ["a"])
    one, two = (blocked(objects).hashes.to_pylist() for objects in stores)
    assert one != two


def test_an_empty_list_hashes_nothing(objects: Objects, monkeypatch: pytest.MonkeyPatch) -> None:
    nothing = blocked(objects)
    monkeypatch.setattr(block_list, "_hashes", None)
    assert (len(nothing), nothing.mask(["a", "b"]).tolist()) == (0, [False, False])
    assert block(objects, []) == 0
    assert list(objects.walk()) == []


def test_lists_are_read_again_only_where_there_are_new_ones(objects: Objects, monkeypatch: pytest.MonkeyPatch) -> None:
    block(objects, ["a"])
    known = blocked(objects)
    with monkeypatch.context() as patched:
        patched.setattr(block_list, "_read_list", None)
        assert blocked(objects, known) is known
    block(objects, ["b"])
    assert blocked(objects, known).mask(["a", "b"]).all()


def test_the_salt_of_the_first_writer_is_in_force(objects: Objects, monkeypatch: pytest.MonkeyPatch) -> None:
    create = Objects.create

    def second(objects: Objects, path: str, data: bytes) -> bool:
        if path == "blocked/salt":
            create(objects, path, b"s" * 32)
        return create(objects, path, data)

    monkeypatch.setattr(Objects, "create", second)
    block(objects, ["a"])
    assert objects.get("blocked/salt") == b"s" * 32
    assert blocked(objects).mask(["a"]).all()


def test_damage_is_named(objects: Objects) -> None:
    block(objects, ["a"])
    (path,) = lists_of(objects)
    good, salt = objects.get(path), objects.get("blocked/salt")

    objects.put(path, good[:-1] + bytes([good[-1] ^ 1]))
    with pytest.raises(StoreError, match=r"blocked/[0-9a-f]{64}\.parquet: damaged: its bytes are not those"):
        blocked(objects)
    objects.put(path, good)

    for damaged, said in [
        (salt[:-1], "31 bytes, not 32"),
        (salt[:-1] + bytes([salt[-1] ^ 1]), "the block lists were made with another salt"),
    ]:
        objects.put("blocked/salt", damaged)
        with pytest.raises(StoreError, match=f"blocked/salt: damaged: {said}"):
            blocked(objects)
    objects.delete(["blocked/salt"])
    with pytest.raises(StoreError, match="blocked/salt: missing"):
        blocked(objects)


def test_a_null_is_no_id(objects: Objects) -> None:
    with pytest.raises(DataError, match="1 of 2 ids are null"):
        block(objects, pa.array(["a", None]))
    assert list(objects.walk()) == []
