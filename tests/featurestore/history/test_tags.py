"""A tag names one snapshot, once, and opens it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from encore.featurestore import Catalogue, StoreError, UsageError
from encore.featurestore.history.tags import add_tag, read_tags, remove_tag, snapshot_number
from encore.featurestore.storage.objects import Objects
from tests.featurestore.building import expected, held, put, spec_of


@pytest.fixture
def store(tmp_path: Path) -> Catalogue:
    return put(put(Catalogue.create(str(tmp_path / "store"), spec_of()), {"a": "x"}), {"b": "y"})


def written(objects: Objects) -> list[str]:
    return sorted(path for path, _ in objects.walk())


def test_a_tag_opens_its_snapshot_whatever_comes_later(store: Catalogue) -> None:
    add_tag(store.objects, "v1.0_final-2", 1)
    put(store, {"c": "z"})
    opened = Catalogue.open(store.uri, "v1.0_final-2")
    assert (opened.version, held(opened)) == (1, expected({"a": "x"}, store.spec))


def test_digits_are_a_number(store: Catalogue) -> None:
    assert [Catalogue.open(store.uri, given).version for given in (1, "1", "02", None)] == [1, 1, 2, 2]


def test_tags_are_listed_by_name(store: Catalogue) -> None:
    assert read_tags(store.objects) == {}
    for name, snapshot in [("release", 2), ("a.json", 1), ("Release", 1), ("2024-05-01", 2)]:
        add_tag(store.objects, name, snapshot)
    assert list(read_tags(store.objects).items()) == [("2024-05-01", 2), ("Release", 1), ("a.json", 1), ("release", 2)]


def test_tagging_twice_is_tagging_once(store: Catalogue) -> None:
    add_tag(store.objects, "v1", 1)
    add_tag(store.objects, "v1", 1)
    assert read_tags(store.objects) == {"v1": 1}


def test_a_name_is_never_moved_in_passing(store: Catalogue) -> None:
    add_tag(store.objects, "v1", 1)
    with pytest.raises(UsageError, match=r"tag v1 is at snapshot 1; remove it first \(encore tag v1 --remove\)"):
        add_tag(store.objects, "v1", 2)
    assert read_tags(store.objects) == {"v1": 1}
    remove_tag(store.objects, "v1")
    add_tag(store.objects, "v1", 2)
    assert read_tags(store.objects) == {"v1": 2}


@pytest.mark.parametrize("name", ["", "7", "-v", ".v", "a b", "a/b", "../a", "é", "a\n", "x" * 101])
def test_what_is_no_name_is_refused(store: Catalogue, name: str) -> None:
    before = written(store.objects)
    for refused in (lambda: add_tag(store.objects, name, 1), lambda: remove_tag(store.objects, name)):
        with pytest.raises(UsageError, match="a name takes letters, digits"):
            refused()
    assert written(store.objects) == before


def test_a_snapshot_that_is_not_there_gets_no_tag(store: Catalogue, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no snapshot 3; the newest is 2"):
        add_tag(store.objects, "v1", 3)
    empty = Catalogue.create(str(tmp_path / "empty"), spec_of())
    with pytest.raises(UsageError, match="holds no snapshot yet"):
        add_tag(empty.objects, "v1", empty.version)
    assert read_tags(store.objects) == read_tags(empty.objects) == {}


def test_a_snapshot_that_goes_while_it_is_tagged_leaves_no_tag(
    store: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    create = Objects.create

    def vacuumed_meanwhile(objects: Objects, path: str, data: bytes) -> bool:
        made = create(objects, path, data)
        objects.delete([f"manifests/{1:020d}.json"])
        return made

    monkeypatch.setattr(Objects, "create", vacuumed_meanwhile)
    with pytest.raises(UsageError, match="no snapshot 1"):
        add_tag(store.objects, "v1", 1)
    assert read_tags(store.objects) == {}


def test_an_unknown_tag_is_named_with_those_there_are(store: Catalogue) -> None:
    with pytest.raises(UsageError, match=r"no tag 'v2'; it has none"):
        Catalogue.open(store.uri, "v2")
    add_tag(store.objects, "v1", 1)
    with pytest.raises(UsageError, match=r"no tag 'v2'; it has v1"):
        snapshot_number(store.objects, "v2")
    with pytest.raises(UsageError, match=r"no tag 'v2'"):
        remove_tag(store.objects, "v2")
    with pytest.raises(UsageError, match=r"no tag '-1'"):
        Catalogue.open(store.uri, "-1")


@pytest.mark.parametrize("damage", [b"", b"[]", b"{}", b'{"format_version": 1, "snapshot": "1"}'])
def test_a_damaged_tag_is_named(store: Catalogue, damage: bytes) -> None:
    store.objects.put("tags/v1.json", damage)
    for read in (lambda: read_tags(store.objects), lambda: Catalogue.open(store.uri, "v1")):
        with pytest.raises(StoreError, match=r"tags/v1\.json: damaged"):
            read()


def test_a_newer_format_is_named(store: Catalogue) -> None:
    store.objects.put("tags/v1.json", json.dumps({"format_version": 2, "snapshot": 1}).encode())
    with pytest.raises(StoreError, match=r"tags/v1\.json: format version 2; this release reads version 1"):
        read_tags(store.objects)


def test_the_life_of_a_tag_on_s3(s3_bucket: str) -> None:
    store = put(Catalogue.create(f"{s3_bucket}/store", spec_of()), {"a": "x"})
    add_tag(store.objects, "v1", 1)
    with pytest.raises(UsageError, match="tag v1 is at snapshot 1"):
        add_tag(put(store, {"b": "y"}).objects, "v1", 2)
    assert held(Catalogue.open(store.uri, "v1")) == expected({"a": "x"}, store.spec)
    remove_tag(store.objects, "v1")
    assert read_tags(store.objects) == {}
