"""Numbered versions of a table: one writer wins a number, and no version costs more than it changes."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from encore.featurestore.errors import StoreError, UsageError
from encore.featurestore.format import seal
from encore.featurestore.format.tombstones import EMPTIED, retire
from encore.featurestore.history.versions import EMPTY, EntryList, Manifest, VersionLog, manifest_path
from encore.featurestore.storage.objects import Objects

SCHEMA = pa.schema([pa.field("name", pa.string(), nullable=False), pa.field("value", pa.int64())])


def table(entries: dict[str, int | None]) -> pa.Table:
    return pa.table({"name": list(entries), "value": list(entries.values())}, schema=SCHEMA)


def entries_of(log: VersionLog, manifest: Manifest) -> list[tuple[str, int | None]]:
    found = log.entries(manifest)
    assert found.schema.names == SCHEMA.names
    return list(zip(*found.to_pydict().values(), strict=True))


def publish(log: VersionLog, entries: dict[str, int | None], removed: dict[str, int | None] | None = None) -> Manifest:
    manifest = log.publish(
        log.latest(), "test", {"names": len(entries)}, table(entries), None if removed is None else table(removed)
    )
    assert manifest is not None
    return manifest


@pytest.fixture(params=["local", "s3"])
def either_log(request: pytest.FixtureRequest, tmp_path: Path) -> VersionLog:
    root = str(tmp_path) if request.param == "local" else request.getfixturevalue("s3_bucket")
    return VersionLog(Objects.open(root), SCHEMA, ("name",))


@pytest.fixture
def log(tmp_path: Path) -> VersionLog:
    return VersionLog(Objects.open(str(tmp_path)), SCHEMA, ("name",))


class TestVersions:
    def test_there_is_an_empty_one_before_the_first(self, either_log: VersionLog) -> None:
        assert either_log.latest() == either_log.at(0) == EMPTY
        assert either_log.history() == []
        assert entries_of(either_log, EMPTY) == []

    def test_each_stays_readable_by_its_number(self, either_log: VersionLog) -> None:
        first = publish(either_log, {"a": 1, "b": 2})
        second = publish(either_log, {"b": 3, "c": None})
        assert (first.version, first.parent, second.version, second.parent) == (1, 0, 2, 1)
        assert either_log.latest() == second
        assert either_log.history() == [either_log.at(1), either_log.at(2)] == [first, second]
        assert entries_of(either_log, either_log.at(1)) == [("a", 1), ("b", 2)]
        assert entries_of(either_log, either_log.at(2)) == [("a", 1), ("b", 3), ("c", None)]
        assert second.counts == {"names": 2}
        assert second.operation == "test"

    @pytest.mark.parametrize("version", [-1, 2, 99])
    def test_a_number_that_was_not_published_is_refused(self, log: VersionLog, version: int) -> None:
        publish(log, {"a": 1})
        with pytest.raises(UsageError, match=f"no snapshot {version}; the newest is 1"):
            log.at(version)

    def test_the_tenth_is_newer_than_the_ninth(self, log: VersionLog) -> None:
        for i in range(11):
            publish(log, {f"n{i}": i})
        assert log.latest().version == 11
        assert [manifest.version for manifest in log.history()] == list(range(1, 12))

    @pytest.mark.parametrize("name", [".DS_Store", "zzz", "99999999999999999999.json.part", "9.json"])
    def test_other_files_among_the_manifests_are_none(self, log: VersionLog, name: str) -> None:
        manifest = publish(log, {"a": 1})
        log.objects.put(f"manifests/{name}", b"")
        assert log.latest() == manifest
        assert log.history() == [manifest]

    def test_a_write_that_was_killed_half_way_is_not_seen(self, log: VersionLog) -> None:
        """Local objects are staged beside their final name, with # and a number behind it."""
        manifest = publish(log, {"a": 1})
        (Path(log.objects.uri) / "manifests/00000000000000000002.json#1").write_bytes(b"{")
        assert log.latest() == manifest
        assert publish(log, {"b": 1}).version == 2


def after_manifest(patch: pytest.MonkeyPatch, version: int, work: Callable[[], object]) -> None:
    """Have something done as soon as the manifest of a version is written."""
    create = Objects.create

    def followed(self: Objects, path: str, data: bytes) -> bool:
        created = create(self, path, data)
        if path == manifest_path(version):
            patch.setattr(Objects, "create", create)
            work()
        return created

    patch.setattr(Objects, "create", followed)


class TestRaces:
    def test_of_two_writers_on_one_parent_one_wins(self, either_log: VersionLog) -> None:
        parent = publish(either_log, {"a": 1})
        won = either_log.publish(parent, "x", {}, table({"b": 2}))
        lost = either_log.publish(parent, "y", {}, table({"c": 3}))
        assert won is not None
        assert lost is None
        assert either_log.latest() == won
        assert entries_of(either_log, won) == [("a", 1), ("b", 2)]

    def test_of_eight_writers_at_once_one_wins(self, either_log: VersionLog) -> None:
        with ThreadPoolExecutor(8) as pool:
            tried = list(pool.map(lambda i: either_log.publish(EMPTY, "x", {}, table({f"n{i}": i})), range(8)))
        assert [manifest for manifest in tried if manifest is not None] == [either_log.latest()]

    def test_a_number_that_a_removal_has_retired_is_not_taken_again(self, either_log: VersionLog) -> None:
        """A writer slept while others published two versions, and a removal took all but the newest."""
        parent = publish(either_log, {"a": 1})
        second = publish(either_log, {"b": 2})
        newest = publish(either_log, {"c": 3})
        objects = either_log.objects
        for manifest in (parent, second):
            retire(objects, manifest_path(manifest.version))
        assert either_log.history() == [newest]
        assert either_log.find(2) is None
        assert either_log.find(2, taken=True) == second, "until the removal is done"
        objects.replace(manifest_path(2), EMPTIED)
        assert either_log.find(2, taken=True) is None
        assert sorted(either_log.published()) == [1, 3], "no read is needed to see that it is gone"
        assert either_log.publish(parent, "late", {}, table({"d": 4})) is None
        assert either_log.latest() == newest
        assert either_log.publish(newest, "again", {}, table({"d": 4})) == either_log.latest()

    @pytest.mark.parametrize("removed", [[], [3], [2, 3], [1, 2, 3]])
    def test_a_version_that_others_follow_at_once_is_in_force(
        self, log: VersionLog, monkeypatch: pytest.MonkeyPatch, removed: list[int]
    ) -> None:
        """The writer lost the answer, and does not write the version again, whatever a removal has taken since."""
        first = publish(log, {"a": 1})

        def meanwhile() -> None:
            publish(log, {"c": 3})
            publish(log, {"d": 4})
            for version in removed:
                retire(log.objects, manifest_path(version))
            raise StoreError("timed out")

        after_manifest(monkeypatch, 2, meanwhile)
        ours = log.publish(first, "ours", {}, table({"b": 2}))
        assert ours is not None
        assert (ours.version, ours.operation) == (2, "ours")
        left = {1: "test", 2: "ours", 3: "test", 4: "test"}
        assert [m.operation for m in log.history()] == [left[n] for n in left if n not in removed]

    def test_a_newest_manifest_that_was_cut_to_the_size_of_a_tombstone_is_none(self, log: VersionLog) -> None:
        publish(log, {"a": 1})
        newest = publish(log, {"b": 2})
        log.objects.put(manifest_path(2), newest.to_bytes()[: len(EMPTIED)])
        with pytest.raises(StoreError, match="not a manifest"):
            log.latest()

    def test_no_two_writes_of_the_same_list_have_one_name(self, log: VersionLog) -> None:
        """A removal may be taking the first of the two lists."""
        first = publish(log, {"a": 1})
        assert log.publish(EMPTY, "lost", {}, table({"a": 1})) is None
        there = [path for path, _ in log.objects.walk("lists")]
        assert len(there) == 2
        assert f"lists/{first.lists[0].digest}.parquet" in there

    def test_a_version_that_changes_nothing_has_the_lists_of_the_one_before(self, log: VersionLog) -> None:
        first = publish(log, {"a": 1})
        fence = log.publish(first, "nothing", {}, table({}))
        assert fence is not None
        assert fence.lists == first.lists
        assert entries_of(log, fence) == [("a", 1)]

    def test_a_listing_that_is_empty_for_a_moment_is_not_believed(
        self, log: VersionLog, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A folder is read name by name while others add to it and take from it."""
        manifest = publish(log, {"a": 1})
        walk, empty = Objects.walk, [True]

        def first_empty(self: Objects, prefix: str = "", **named: Any) -> Any:
            return iter(()) if empty and empty.pop() else walk(self, prefix, **named)

        monkeypatch.setattr(Objects, "walk", first_empty)
        assert log.latest() == manifest

    @pytest.mark.parametrize("answer", ["exists", "error"])
    def test_a_lost_answer_is_recognised_by_its_write_id(
        self, log: VersionLog, monkeypatch: pytest.MonkeyPatch, answer: str
    ) -> None:
        create = Objects.create

        def lossy(self: Objects, path: str, data: bytes) -> bool:
            wrote = create(self, path, data)
            if not path.startswith("manifests/"):
                return wrote
            if answer == "error":
                raise StoreError("timed out")
            return False

        monkeypatch.setattr(Objects, "create", lossy)
        won = log.publish(EMPTY, "x", {}, table({"a": 1}))
        assert won is not None
        assert won == log.latest()
        assert log.publish(EMPTY, "x", {}, table({"b": 1})) is None

    def test_a_write_that_failed_is_an_error(self, log: VersionLog, monkeypatch: pytest.MonkeyPatch) -> None:
        create = Objects.create

        def broken(self: Objects, path: str, data: bytes) -> bool:
            if path.startswith("manifests/"):
                raise StoreError("disk full")
            return create(self, path, data)

        monkeypatch.setattr(Objects, "create", broken)
        with pytest.raises(StoreError, match="disk full"):
            log.publish(EMPTY, "x", {}, table({"a": 1}))
        assert log.latest() == EMPTY


class TestLists:
    def test_later_entries_replace_earlier_ones_in_place(self, log: VersionLog) -> None:
        publish(log, {f"n{i}": 0 for i in range(100)})
        publish(log, {"n50": 1})
        assert len(publish(log, {"n50": 2, "new": 3}).lists) > 1
        found = entries_of(log, log.latest())
        assert found == [(f"n{i}", 2 if i == 50 else 0) for i in range(100)] + [("new", 3)]

    def test_removed_entries_go_and_may_come_back(self, log: VersionLog) -> None:
        publish(log, {"a": 1, "b": 2, "c": 3})
        publish(log, {}, removed={"b": 2})
        assert entries_of(log, log.latest()) == [("a", 1), ("c", 3)]
        publish(log, {"b": 4})
        assert dict(entries_of(log, log.latest())) == {"a": 1, "b": 4, "c": 3}
        assert entries_of(log, log.at(1)) == [("a", 1), ("b", 2), ("c", 3)]

    def test_many_small_commits_keep_few_lists(self, log: VersionLog) -> None:
        for i in range(100):
            manifest = publish(log, {f"n{i}": i})
            lengths = [part.entries for part in manifest.lists]
            assert sum(lengths) == i + 1
            assert len(lengths) <= math.log2(i + 2) + 1
        assert entries_of(log, log.latest()) == [(f"n{i}", i) for i in range(100)]

    def test_a_small_commit_rewrites_no_large_list(self, log: VersionLog) -> None:
        large = publish(log, {f"n{i}": i for i in range(1000)})
        small = publish(log, {"new": 1})
        assert small.lists[0] == large.lists[0]
        assert small.lists[1].entries == 1

    @given(st.lists(st.dictionaries(st.sampled_from("abcdef"), st.none() | st.integers(0, 9), max_size=4), max_size=12))
    @settings(max_examples=25)
    def test_versions_are_those_of_a_dictionary(
        self, tmp_path_factory: pytest.TempPathFactory, changes: list[dict[str, int | None]]
    ) -> None:
        """None stands for a removal."""
        log = VersionLog(Objects.open(str(tmp_path_factory.mktemp("log"))), SCHEMA, ("name",))
        model: dict[str, int | None] = {}
        models = [dict(model)]
        for change in changes:
            removed = {name: None for name, value in change.items() if value is None}
            publish(log, {name: value for name, value in change.items() if value is not None}, removed)
            model = {name: value for name, value in {**model, **change}.items() if value is not None}
            models.append(model)
        for version, then in enumerate(models):
            assert dict(entries_of(log, log.at(version))) == then

    def test_a_key_of_two_columns_names_an_entry(self, tmp_path: Path) -> None:
        schema = pa.schema([("head", pa.string()), ("segment", pa.string()), ("path", pa.string())])
        log = VersionLog(Objects.open(str(tmp_path)), schema, ("head", "segment"))
        for rows in (["aaa", "abb", "bac"], ["abd"]):
            log.publish(
                log.latest(), "x", {}, pa.table(dict(zip(schema.names, zip(*rows, strict=True), strict=True)), schema)
            )
        assert ["".join(row.values()) for row in log.entries(log.latest()).to_pylist()] == ["aaa", "abd", "bac"]

    def test_the_same_key_twice_in_one_change_is_one_entry(self, log: VersionLog) -> None:
        twice = pa.table({"name": ["a", "a"], "value": [1, 2]}, schema=SCHEMA)
        manifest = log.publish(EMPTY, "x", {}, twice)
        assert manifest is not None
        assert entries_of(log, manifest) == [("a", 2)]


class TestDamage:
    @pytest.mark.parametrize(
        ("data", "message"),
        [
            (b"", "not a manifest"),
            (b"[]", "not a manifest"),
            (b"null", "not a manifest"),
            (b"\xff", "not a manifest"),
            (b'{"format_version": 2}', "format version 2; this release reads version 1"),
            (seal({"format_version": 1, "version": 1}), "not a manifest"),
            (b'{"format_version": 1, "version": 1}', "damaged: its bytes do not match the checksum in it"),
        ],
    )
    def test_a_damaged_manifest_is_named(self, log: VersionLog, data: bytes, message: str) -> None:
        publish(log, {"a": 1})
        log.objects.put("manifests/00000000000000000001.json", data)
        with pytest.raises(StoreError, match=f"/manifests/00000000000000000001.json: {message}"):
            log.latest()

    def test_a_manifest_under_another_number_is_refused(self, log: VersionLog) -> None:
        manifest = publish(log, {"a": 1})
        log.objects.put("manifests/00000000000000000007.json", manifest.to_bytes())
        with pytest.raises(StoreError, match=r"00000000000000000007.json: damaged: says that it is version 1"):
            log.latest()

    def test_a_flipped_byte_in_a_list_is_an_error(self, log: VersionLog) -> None:
        manifest = publish(log, {"a": 1})
        path = f"lists/{manifest.lists[0].digest}.parquet"
        data = log.objects.get(path)
        for at in range(0, len(data), 17):
            log.objects.put(path, data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
            with pytest.raises(StoreError, match=f"/{path}: damaged"):
                log.entries(manifest)

    def test_a_missing_list_is_named(self, log: VersionLog) -> None:
        manifest = replace(publish(log, {"a": 1}), lists=(EntryList("0" * 64, 1),))
        with pytest.raises(StoreError, match=f"/lists/{'0' * 64}.parquet: missing"):
            log.entries(manifest)


def test_a_manifest_reads_back(log: VersionLog) -> None:
    manifest = publish(log, {"a": 1})
    assert Manifest.from_bytes(manifest.to_bytes(), "x") == manifest


def test_every_flipped_byte_of_a_manifest_is_refused(log: VersionLog) -> None:
    manifest = publish(log, {"a": 1})
    data = manifest.to_bytes()
    for at in range(len(data)):
        for mask in (1, 4, 32):
            with pytest.raises(StoreError, match=r"^x: "):
                Manifest.from_bytes(data[:at] + bytes([data[at] ^ mask]) + data[at + 1 :], "x")


def test_a_manifest_without_a_checksum_is_damaged(log: VersionLog) -> None:
    manifest = publish(log, {"a": 1})
    document = json.loads(manifest.to_bytes())
    del document["checksum"]
    with pytest.raises(StoreError, match=r"x: damaged: its bytes do not match the checksum in it"):
        Manifest.from_bytes(json.dumps(document, indent=1).encode(), "x")


def test_a_manifest_that_a_kill_left_empty_is_named_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: None)
    objects = Objects.open(str(tmp_path))
    objects.put(manifest_path(1), b"")
    with pytest.raises(StoreError, match=r"0001\.json: not a manifest: it is empty; .*run encore repair"):
        VersionLog(objects, SCHEMA, ("name",)).latest()
