"""A tombstone takes a name for good, and holds what was there until it is emptied."""

from __future__ import annotations

from pathlib import Path

import pytest

from encore.featurestore import StoreError
from encore.featurestore.format.tombstones import EMPTIED, is_emptied, object_state, opened, retire, tombstone
from encore.featurestore.storage.objects import Objects

PATH = "manifests/00000000000000000001.json"


@pytest.fixture(params=["local", "s3"])
def objects(request: pytest.FixtureRequest, tmp_path: Path) -> Objects:
    return Objects.open(str(tmp_path) if request.param == "local" else str(request.getfixturevalue("s3_bucket")))


def test_it_holds_what_it_took(objects: Objects) -> None:
    objects.put(PATH, b'{"version": 1}')
    retire(objects, PATH)
    found = object_state(objects, PATH)
    assert found is not None
    assert (found.content, found.retired) == (b'{"version": 1}', True)
    assert not objects.create(PATH, b"x"), "the name is taken"


def test_what_another_removal_holds_is_left_to_it(objects: Objects) -> None:
    objects.put(PATH, b"{}")
    retire(objects, PATH)
    held = objects.get(PATH)
    retire(objects, PATH)
    assert objects.get(PATH) == held


def test_a_name_under_which_nothing_is_found_is_taken_too(objects: Objects) -> None:
    retire(objects, PATH)
    assert objects.get(PATH) == EMPTIED


def test_what_is_no_text_is_damage_and_not_held(objects: Objects) -> None:
    objects.put(PATH, b"\xff\x00")
    retire(objects, PATH)
    assert objects.get(PATH) == EMPTIED


def test_a_listing_tells_an_emptied_one_by_its_size(objects: Objects) -> None:
    objects.put(PATH, b'{"version": 1}')
    retire(objects, PATH)
    assert [is_emptied(path, size) for path, size in objects.walk("manifests")] == [False]
    objects.replace(PATH, EMPTIED)
    assert [is_emptied(path, size) for path, size in objects.walk("manifests")] == [True]
    assert not is_emptied("segments/a/b/features/c/0/0", len(EMPTIED))


def test_nothing_lies_under_a_name_that_nobody_took(objects: Objects) -> None:
    assert object_state(objects, PATH) is None


@pytest.mark.parametrize("held", [None, b"{}"])
def test_a_damaged_one_is_found(held: bytes | None) -> None:
    data = tombstone(held)
    for damaged in (
        data[:-1],
        data.replace(b"null", b"nuLl"),
        data.replace(b"{}", b"[]"),
        data[:-9] + b"0" + data[-8:],
    ):
        if damaged != data:
            with pytest.raises(StoreError, match="a tombstone: damaged"):
                opened(damaged, "a tombstone")
