"""Vacuum keeps all that kept snapshots and running jobs need, and removes the rest."""

from __future__ import annotations

import itertools
import os
import shutil
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from obstore.store import LocalStore

from featurestore import Change, CommitConflict, Store, StoreError, UsageError, commit
from featurestore.entries import entry_table
from featurestore.maintenance import removal
from featurestore.maintenance.compact import compact
from featurestore.maintenance.delete import delete
from featurestore.maintenance.needs import KeepRule
from featurestore.maintenance.vacuum import Vacuum, vacuum
from featurestore.maintenance.verify import verify
from featurestore.objects import Objects
from featurestore.records import record_path
from featurestore.sealed import seal
from featurestore.store import version_log
from featurestore.tags import add_tag
from featurestore.tombstones import EMPTIED, is_emptied, look, retire
from featurestore.versions import manifest_path
from tests.featurestore.building import change_to, expected, held, put, spec_of, write
from tests.featurestore.simulated_storage import SimulatedStorage, Stopped

NOW = timedelta(0)
"""An age limit that spares nothing."""


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.create(str(tmp_path / "store"), spec_of())


@pytest.fixture
def busy(store: Store) -> Store:
    """Seven snapshots: additions, a changed text, a deletion, a compaction, and a text that changes back."""
    store = put(store, {"a": "1", "b": "2", "c": "3"})
    store = put(store, {"d": "4", "a": "changed"})
    store = put(store, {}, prune=frozenset({"b"}))
    compact(store)
    store = put(Store.open(store.uri), {"a": "1", "e": "5"})
    store = put(store, {}, prune=frozenset({"c"}))
    store = put(store, {"f": "6"})
    assert store.version == 7
    return store


def paths(store: Store) -> set[str]:
    """Objects of a store, but for emptied tombstones."""
    return {path for path, size in store.objects.walk() if not is_emptied(path, size)}


def age(store: Store, hours: float, *prefixes: str) -> None:
    """Make the objects below some folders, or all, so many hours old."""
    then = time.time() - hours * 3600
    for path in paths(store):
        if path.startswith(prefixes or ("",)):
            os.utime(Path(store.uri) / path, (then, then))


def before(monkeypatch: pytest.MonkeyPatch, step: str, act: Callable[[str], object], times: int = 1) -> None:
    """Let somebody act right before a step of a removal, which is told the path that it is about."""
    go_on, left = getattr(removal, step), [None] * times

    def raced(objects: Objects, path: str, *arguments: Any) -> Any:
        if left:
            left.pop()
            act(path)
        return go_on(objects, path, *arguments)

    monkeypatch.setattr(removal, step, raced)


def unseen(monkeypatch: pytest.MonkeyPatch, store: Store, change: Change) -> None:
    """A commit that had seen its segments to be there before they were taken."""
    with monkeypatch.context() as patch:
        patch.setattr(import_module("featurestore.commit"), "require_present", lambda *_: None)
        commit(store, change)


def add_tag_late(store: Store) -> None:
    """Tag snapshot 2 as somebody does who looked for it before it was taken, and is about to look again."""
    store.objects.create("tags/late.json", seal({"format_version": 1, "snapshot": 2, "created_at": "2026-01-01"}))


def digests(store: Store, *versions: int) -> dict[int, str]:
    return {version: Store.open(store.uri, version).digest() for version in versions}


def needed(store: Store, *versions: int) -> set[str]:
    """Every object that is read when these snapshots are, found by reading them; and what is always there."""
    seen: set[str] = {path for path in paths(store) if path.startswith(("runs/", "tags/", "blocked/", "store.json"))}
    for version in versions:
        opened = Store.open(store.uri, version)
        seen.add(f"manifests/{version:020d}.json")
        seen.update(f"lists/{part.digest}.parquet" for part in opened.manifest.lists)
        for entry in opened.entries:
            record = opened.reader(entry).record
            seen.add(record_path(entry.segment))
            seen.update(f"segments/{entry.segment}/{entry.attempt}/{stored.path}" for stored in record.objects)
            seen.update({f"deletions/{entry.deletions}"} if entry.deletions else set())
    return seen


class TestRule:
    START = datetime(2026, 1, 1, tzinfo=UTC)

    def kept(self, *days: float, newest: int = 1, since: float = 1000, tagged: tuple[int, ...] = ()) -> list[int]:
        written = {number: self.START + timedelta(days=day) for number, day in enumerate(days, 1)}
        return sorted(KeepRule(newest, self.START + timedelta(days=since)).kept(written, tagged))

    def test_the_newest_stays_whatever_is_asked(self) -> None:
        assert self.kept(0, 1, 2) == [3]
        assert self.kept() == []

    def test_so_many_of_the_newest(self) -> None:
        assert self.kept(0, 1, 2, newest=2) == [2, 3]
        assert self.kept(0, 1, 2, newest=9) == [1, 2, 3]

    def test_what_was_the_newest_within_the_time(self) -> None:
        assert self.kept(0, 1, 50, 51, since=40) == [2, 3, 4]

    def test_what_stands_before_a_gap_is_no_longer_recent_once_its_tag_is_gone(self) -> None:
        """Its follower was old when it was vacuumed, whatever was written since."""
        written = {2: self.START, 7: self.START + timedelta(days=99), 8: self.START + timedelta(days=100)}
        rule = KeepRule(2, self.START + timedelta(days=98))
        assert sorted(rule.kept(written, ())) == [7, 8]
        assert sorted(rule.kept(written, (2,))) == [2, 7, 8]
        assert sorted(KeepRule(1, self.START).kept(written, ())) == [2, 7, 8]
        assert sorted(KeepRule(3, self.START + timedelta(days=200)).kept(written, ())) == [2, 7, 8]

    def test_tagged_ones(self) -> None:
        assert self.kept(0, 1, 2, tagged=(1, 99)) == [1, 3]


class TestWhatStays:
    @pytest.mark.parametrize(("keep", "kept"), [(1, [7]), (3, [5, 6, 7]), (6, [2, 3, 4, 5, 6, 7])])
    def test_kept_snapshots_are_whole_and_nothing_else_is_there(self, busy: Store, keep: int, kept: list[int]) -> None:
        busy.objects.put("runs/some-run/report.json", b"{}")
        before, wanted = digests(busy, *kept), needed(busy, *kept)
        done = vacuum(busy.objects, keep_snapshots=keep, age_limit=NOW)
        assert list(done.kept) == [*kept, 8]
        assert digests(busy, *kept) == before
        assert paths(busy) == wanted | needed(busy, 8)
        again = vacuum(busy.objects, keep_snapshots=keep + 1, age_limit=NOW)
        assert again.removed == {kind: [] for kind in done.removed}
        assert list(again.kept) == [*kept, 8]

    def test_snapshots_that_vacuums_add_do_not_count(self, store: Store) -> None:
        """Each night a commit or two, and a vacuum that keeps three states."""
        for night in range(4):
            for part in range(1 + night % 2):
                store = put(Store.open(store.uri), {f"{night}": f"text {night} {part}"})
            vacuum(store.objects, keep_snapshots=3, age_limit=NOW)
            left = [(manifest.version, manifest.operation) for manifest in version_log(store.objects).history()]
        assert left == [(5, "vacuum"), (6, "encode"), (7, "encode"), (8, "vacuum")]

    def test_so_many_states_are_kept_with_the_snapshot_that_a_vacuum_added(self, busy: Store) -> None:
        assert vacuum(busy.objects, keep_snapshots=3, age_limit=NOW).kept == (5, 6, 7, 8)
        assert vacuum(busy.objects, keep_snapshots=3, age_limit=NOW).kept == (5, 6, 7, 8)

    def test_the_snapshot_that_a_vacuum_adds_changes_nothing(self, busy: Store) -> None:
        vacuum(busy.objects, age_limit=NOW)
        fence = Store.open(busy.uri)
        assert (fence.version, fence.manifest.operation) == (8, "vacuum")
        assert (fence.entries, fence.manifest.counts) == (busy.entries, busy.manifest.counts)
        assert vacuum(busy.objects, age_limit=NOW).kept == (8,)
        assert vacuum(busy.objects, age_limit=NOW).kept == (8,)

    def test_where_all_is_kept_nothing_is_removed_and_nothing_added(self, busy: Store) -> None:
        there = paths(busy)
        assert vacuum(busy.objects, keep_snapshots=99, age_limit=NOW).kept == (1, 2, 3, 4, 5, 6, 7)
        assert paths(busy) == there

    def test_on_s3(self, s3_bucket: str) -> None:
        store = put(Store.create(f"{s3_bucket}/store", spec_of()), {"a": "1", "b": "2"})
        store = put(put(store, {"a": "3"}), {"c": "4"})
        compact(store)
        before, wanted = digests(store, 4), needed(store, 4)
        assert vacuum(store.objects, age_limit=NOW).kept == (4, 5)
        assert digests(store, 4) == before
        assert paths(store) == wanted | needed(store, 5)

    def test_a_tag_protects_its_snapshot(self, busy: Store) -> None:
        add_tag(busy.objects, "paper", 2)
        before, wanted = digests(busy, 2, 7), needed(busy, 2, 7)
        assert vacuum(busy.objects, age_limit=NOW).kept == (2, 7, 8)
        assert digests(busy, 2, 7) == before
        assert paths(busy) == wanted | needed(busy, 8)
        with pytest.raises(UsageError, match="no snapshot 3"):
            Store.open(busy.uri, 3)

    def test_days_keep_what_was_the_newest_within_them(self, busy: Store) -> None:
        age(busy, 24 * 60)
        age(busy, 24 * 10, "manifests/00000000000000000005", "manifests/00000000000000000006")
        assert vacuum(busy.objects, keep_days=30, age_limit=NOW).kept == (4, 5, 6, 7, 8)

    def test_a_store_without_snapshots(self, store: Store) -> None:
        assert vacuum(store.objects, age_limit=NOW) == Vacuum((), [], [], [], [], [], [])
        assert paths(store) == {"store.json"}

    def test_names_that_are_none_of_ours_stay(self, busy: Store) -> None:
        strange = {"segments/notes.txt", "lists/readme", "manifests/README.md", "deletions/old", "other/x"}
        for path in strange:
            busy.objects.put(path, b"x")
        vacuum(busy.objects, age_limit=NOW)
        assert strange < paths(busy)

    def test_folders_that_are_empty_go_too(self, busy: Store) -> None:
        vacuum(busy.objects, age_limit=NOW)
        listed = {entry.segment for entry in Store.open(busy.uri).entries}
        assert {path.name for path in (Path(busy.uri) / "segments").iterdir() if path.is_dir()} == listed


class TestAge:
    def test_nothing_younger_than_the_limit_goes(self, busy: Store) -> None:
        there = paths(busy)
        assert vacuum(busy.objects).kept == (1, 2, 3, 4, 5, 6, 7)
        assert paths(busy) == there

    def test_an_unfinished_segment_stays_until_it_is_old(self, store: Store) -> None:
        record = write(store, {"a": "1"})
        store.objects.delete([record_path(record.segment)])
        there = paths(store)
        vacuum(store.objects)
        assert paths(store) == there
        age(store, 24 * 8)
        assert len(vacuum(store.objects).attempts) == len(record.objects)
        assert paths(store) == needed(store, 1)

    def test_a_finished_segment_that_is_young_is_adopted_by_a_rerun(self, store: Store) -> None:
        age(store, 24 * 8)
        record = write(store, {"a": "1"})
        vacuum(store.objects)
        assert put(store, {"a": "1"}).entries[0].attempt == record.attempt

    def test_one_young_object_keeps_the_whole_of_a_segment_that_is_not_listed(self, store: Store) -> None:
        record = write(store, {"a": "1"})
        age(store, 24 * 8)
        there = paths(store)
        age(store, 0, f"segments/{record.segment}/{record.attempt}/offsets/zarr.json")
        vacuum(store.objects)
        assert paths(store) == there

    def test_an_attempt_that_lost_goes_when_it_is_old(self, busy: Store) -> None:
        segment = busy.entries[-1].segment
        lost = f"segments/{segment}/{'f' * 32}/zarr.json"
        busy.objects.put(lost, b"x")
        vacuum(busy.objects)
        assert lost in paths(busy)
        age(busy, 24 * 8)
        digest = busy.digest()
        vacuum(busy.objects)
        assert lost not in paths(busy)
        assert Store.open(busy.uri).digest() == digest

    def test_attempts_at_a_name_that_was_retired_go_however_young(self, store: Store) -> None:
        """Nobody can finish them any more."""
        record = write(store, {"a": "1"})
        store.objects.replace(record_path(record.segment), EMPTIED)
        assert len(vacuum(store.objects).attempts) == len(record.objects)
        assert paths(store) == needed(store, 1)

    def test_a_snapshot_that_another_vacuum_has_just_begun_to_take_is_left_to_it(self, busy: Store) -> None:
        age(busy, 24 * 8)
        retire(busy.objects, manifest_path(2))
        assert vacuum(busy.objects).kept == (7, 8)
        left = look(busy.objects, manifest_path(2))
        assert left is not None
        assert left.retired
        assert left.content is not None

    def test_a_job_may_work_from_a_snapshot_that_was_the_newest_when_it_began(self, busy: Store) -> None:
        """Snapshot 6 is two months old, and was followed an hour ago."""
        age(busy, 24 * 60)
        late = change_to(Store.open(busy.uri, 6), {"a": "late"}, prune=frozenset({"e"}))
        age(busy, 1, "manifests/00000000000000000007")
        assert vacuum(busy.objects).kept == (6, 7, 8)
        compact(Store.open(busy.uri))
        commit(busy, late)
        assert held(Store.open(busy.uri)) == expected({"d": "4", "f": "6", "a": "late"}, busy.spec)

    def test_a_file_that_a_killed_process_had_begun_to_write_goes_when_it_is_old(self, busy: Store) -> None:
        segment = busy.entries[-1].segment
        begun = [
            Path(busy.uri) / name for name in ("lists/x.parquet#1", f"segments/{segment}/attempt/features/c/0/0#2")
        ]
        for path in begun:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"ids and features")
        assert not paths(busy) & {str(path.relative_to(busy.uri)) for path in begun}
        assert vacuum(busy.objects).staged == []
        then = time.time() - 8 * 24 * 3600
        os.utime(begun[1], (then, then))
        assert [stored.size for stored in vacuum(busy.objects, dry_run=True).staged] == [16]
        assert [path.exists() for path in begun] == [True, True]
        assert len(vacuum(busy.objects).staged) == 1
        assert [path.exists() for path in begun] == [True, False]


class TestDryRun:
    def test_it_says_what_a_vacuum_then_removes_and_removes_nothing(self, busy: Store) -> None:
        there = paths(busy)
        said = vacuum(busy.objects, age_limit=NOW, dry_run=True)
        assert paths(busy) == there
        done = vacuum(busy.objects, age_limit=NOW)
        assert {kind: sorted(s.path for s in found) for kind, found in said.removed.items()} == {
            kind: sorted(s.path for s in found) for kind, found in done.removed.items()
        }
        assert there - paths(busy) == {stored.path for found in done.removed.values() for stored in found}
        assert done.to_dict()["removed"]["manifests"]["objects"] == 6


class TestTogether:
    """Jobs that commit while a vacuum runs."""

    def test_a_job_whose_old_segment_was_removed_is_told_and_its_rerun_writes_it(self, store: Store) -> None:
        change = change_to(store, {"a": "1"})
        age(store, 24 * 8)
        vacuum(store.objects)
        with pytest.raises(CommitConflict, match="segments that were to be listed are gone: 1"):
            commit(store, change)
        assert held(put(store, {"a": "1"})) == expected({"a": "1"}, store.spec)

    def test_what_is_listed_right_before_its_record_would_go_stays(
        self, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        change = change_to(store, {"a": "1"})
        age(store, 24 * 8)
        before(monkeypatch, "retire", lambda _: commit(store, change))
        assert vacuum(store.objects).attempts == []
        assert held(Store.open(store.uri)) == expected({"a": "1"}, store.spec)
        assert verify(store.uri, deep=True).findings == ()

    def test_what_is_listed_while_its_record_goes_is_read_through_its_tombstone_and_then_put_back(
        self, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        change = change_to(store, {"a": "1"})
        age(store, 24 * 8)
        path, seen = record_path(change.added[0].segment), []
        fence = removal._publish_nothing

        def listed(*arguments: Any) -> None:
            unseen(monkeypatch, store, change)
            seen.append((look(store.objects, path).retired, held(Store.open(store.uri))))
            assert verify(store.uri, deep=True).findings == ()
            fence(*arguments)

        monkeypatch.setattr(removal, "_publish_nothing", listed)
        assert vacuum(store.objects).attempts == []
        assert seen == [(True, expected({"a": "1"}, store.spec))]
        assert not look(store.objects, path).retired
        assert held(Store.open(store.uri)) == expected({"a": "1"}, store.spec)

    def test_an_unfinished_segment_that_is_finished_while_a_vacuum_runs_stays(
        self, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A job that slept for longer than the age limit puts its record after the vacuum has listed all."""
        record = write(store, {"a": "1"})
        path = record_path(record.segment)
        data = store.objects.get(path)
        store.objects.delete([path])
        age(store, 24 * 8)
        listed = removal._claimed

        def finished(*arguments: Any) -> Any:
            assert store.objects.create(path, data)
            return listed(*arguments)

        monkeypatch.setattr(removal, "_claimed", finished)
        assert vacuum(store.objects).attempts == []
        assert put(Store.open(store.uri), {"a": "1"}).entries[0].attempt == record.attempt

    def test_a_job_that_finishes_a_segment_which_a_vacuum_has_removed_is_told_so(self, store: Store) -> None:
        record = write(store, {"a": "1"})
        path = record_path(record.segment)
        data = store.objects.get(path)
        store.objects.delete([path])
        age(store, 24 * 8)
        assert len(vacuum(store.objects).attempts) == len(record.objects)
        assert not store.objects.create(path, data)
        assert store.objects.get(path) == EMPTIED
        again = put(Store.open(store.uri), {"a": "1"})
        assert record.segment not in again.listed
        assert held(again) == expected({"a": "1"}, store.spec)

    def test_a_commit_that_had_seen_its_segment_is_told_by_the_fence_that_it_is_gone(
        self, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The whole vacuum runs between a commit's look and its snapshot."""
        change = change_to(store, {"a": "1"})
        age(store, 24 * 8)
        module = import_module("featurestore.commit")
        look = module.require_present

        def then_vacuum(*arguments: Any) -> None:
            look(*arguments)
            monkeypatch.setattr(module, "require_present", look)
            assert len(vacuum(store.objects).records) == 1

        monkeypatch.setattr(module, "require_present", then_vacuum)
        with pytest.raises(CommitConflict, match="segments that were to be listed are gone: 1"):
            commit(store, change)
        assert verify(store.uri, deep=True).findings == ()
        assert held(put(Store.open(store.uri), {"a": "1"})) == expected({"a": "1"}, store.spec)

    def test_a_deletion_vector_is_never_written_under_a_name_that_a_vacuum_may_be_taking(
        self, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The same position is deleted again, in a segment that a compaction has made."""
        delete(put(store, {"a": "1", "b": "2", "c": "3"}), ["a"])
        (vector,) = (path for path in paths(store) if path.startswith("deletions/"))
        compact(Store.open(store.uri))
        fence = removal._publish_nothing

        def deleted(*arguments: Any) -> None:
            monkeypatch.undo()
            delete(Store.open(store.uri), ["b"])
            fence(*arguments)

        monkeypatch.setattr(removal, "_publish_nothing", deleted)
        vacuum(store.objects, age_limit=NOW)
        newest = Store.open(store.uri)
        (needed_now,) = (f"deletions/{entry.deletions}" for entry in newest.entries)
        assert needed_now != vector
        assert vector not in paths(store)
        assert held(newest) == expected({"c": "3"}, store.spec)
        assert verify(store.uri, deep=True).findings == ()

    def test_a_record_that_is_being_taken_is_gone_to_a_commit(self, store: Store) -> None:
        change = change_to(store, {"a": "1"})
        retire(store.objects, record_path(change.added[0].segment))
        with pytest.raises(CommitConflict, match="gone: 1"):
            commit(store, change)

    def test_two_vacuums_that_take_the_same_record_leave_what_is_listed(
        self, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The first puts it back for a commit; the second, which found it taken, goes on."""
        change = change_to(store, {"a": "1"})
        age(store, 24 * 8)
        fence = removal._publish_nothing

        def second_and_commit(*arguments: Any) -> None:
            monkeypatch.setattr(removal, "_publish_nothing", listed)
            vacuum(store.objects, age_limit=NOW)
            fence(*arguments)

        def listed(*arguments: Any) -> None:
            monkeypatch.setattr(removal, "_publish_nothing", fence)
            unseen(monkeypatch, store, change)
            fence(*arguments)

        monkeypatch.setattr(removal, "_publish_nothing", second_and_commit)
        vacuum(store.objects)
        assert held(Store.open(store.uri)) == expected({"a": "1"}, store.spec)
        assert verify(store.uri, deep=True).findings == ()

    def test_a_tagged_snapshot_survives_a_vacuum_that_is_killed_before_it_puts_it_back(
        self, busy: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        want = digests(busy, 2, 7)

        def killed(*_: Any) -> None:
            add_tag_late(busy)
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(removal, "_without_tagged", killed)
            with pytest.raises(KeyboardInterrupt):
                vacuum(busy.objects, age_limit=NOW)
        with pytest.raises(UsageError, match="no snapshot 2"):
            Store.open(busy.uri, 2)
        assert Store.open(busy.uri, "late").digest() == want[2]
        vacuum(busy.objects)
        assert Store.open(busy.uri, "late").digest() == want[2], "it may be in the hands of who took it"
        vacuum(busy.objects, age_limit=NOW)
        assert digests(busy, 2, 7) == want

    def test_a_segment_that_lacks_any_object_is_not_listed(self, store: Store) -> None:
        change = change_to(store, {"a": "1"})
        shards = [path for path in paths(store) if "/features/c/" in path]
        store.objects.delete(shards)
        with pytest.raises(CommitConflict, match="gone: 1"):
            commit(store, change)

    def test_a_snapshot_that_is_tagged_while_manifests_go_comes_back(
        self, busy: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        before_it = digests(busy, 2, 7)
        monkeypatch.setattr(removal, "THREADS", 1)
        before(monkeypatch, "retire", lambda _: add_tag(busy.objects, "late", 2))
        assert vacuum(busy.objects, age_limit=NOW).kept == (2, 7, 8)
        assert digests(busy, 2, 7) == before_it
        assert vacuum(busy.objects, age_limit=NOW).kept == (2, 8)
        assert digests(busy, 2, 8) == {2: before_it[2], 8: before_it[7]}
        assert paths(busy) == needed(busy, 2, 8)

    def test_a_number_is_never_taken_again(self, busy: Store) -> None:
        """A commit that slept over 70 others and two vacuums comes too late, and is told so."""
        late = version_log(busy.objects).latest()
        store = busy
        for n in range(70):
            store = put(store, {f"more-{n}": str(n)})
        for _ in range(2):
            vacuum(store.objects, age_limit=NOW)
        assert version_log(busy.objects).publish(late, "late", late.counts, entry_table([])) is None
        assert not store.objects.create(manifest_path(late.version + 1), b"x")
        assert verify(store.uri, deep=True).findings == ()
        assert vacuum(store.objects, age_limit=NOW).kept == (78,)


class TestCrash:
    def test_a_vacuum_that_stops_anywhere_leaves_all_whole_and_the_next_one_finishes_it(
        self, busy: Store, tmp_path: Path
    ) -> None:
        add_tag(busy.objects, "kept", 2)
        want = digests(busy, 2, 7)
        for writes in itertools.count():
            folder = tmp_path / f"copy-{writes}"
            shutil.copytree(busy.uri, folder)
            storage = SimulatedStorage(LocalStore(folder, automatic_cleanup=True), str(folder))
            storage.written = {path: 0 for path, _ in storage.walk()}
            copy = Store(storage, busy.spec, busy.manifest)
            try:
                with storage.stopping(writes):
                    vacuum(storage, age_limit=NOW)
                stopped = False
            except Stopped:
                stopped = True
            assert digests(copy, 2, 7) == want
            assert verify(copy.uri, deep=True).findings == ()
            newest = vacuum(storage, age_limit=NOW).kept[-1]
            assert digests(copy, 2, newest) == {2: want[2], newest: want[7]}
            vacuum(storage, age_limit=NOW)
            assert paths(copy) == needed(copy, 2, Store.open(copy.uri).version)
            shutil.rmtree(folder)
            if not stopped:
                break
        assert writes > 10


class TestRefusals:
    def test_a_disk_that_is_full_stops_it_before_anything_goes(
        self, busy: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Tombstones hold what it is about to take before it takes it."""

        def full(self: Objects, path: str, data: bytes | memoryview) -> None:
            raise StoreError(f"{self.name(path)}: storage refused: No space left on device")

        there, want = paths(busy), digests(busy, 7)
        monkeypatch.setattr(Objects, "replace", full)
        with pytest.raises(StoreError, match="No space left"):
            vacuum(busy.objects, age_limit=NOW)
        assert (paths(busy), digests(busy, 7)) == (there, want)

    def test_where_there_is_no_store(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match=r"no store here \(no store.json\)"):
            vacuum(Objects.open(str(tmp_path)))

    @pytest.mark.parametrize("asked", [{"keep_snapshots": 0}, {"keep_days": -1}, {"age_limit": timedelta(-1)}])
    def test_limits_that_make_no_sense(self, store: Store, asked: dict[str, Any]) -> None:
        with pytest.raises(UsageError, match="at least one snapshot is kept"):
            vacuum(store.objects, **asked)

    def test_a_kept_snapshot_that_cannot_be_read_stops_it_before_anything_goes(self, busy: Store) -> None:
        damaged = f"lists/{busy.manifest.lists[0].digest}.parquet"
        busy.objects.put(damaged, b"x")
        there = paths(busy)
        with pytest.raises(StoreError, match=r"lists/.*damaged"):
            vacuum(busy.objects, age_limit=NOW)
        assert paths(busy) == there

    def test_a_change_of_what_is_stored_is_still_possible_afterwards(self, busy: Store) -> None:
        vacuum(busy.objects, age_limit=NOW)
        store = put(Store.open(busy.uri), {"g": "7"}, prune=frozenset({"d"}))
        assert store.version == 9
        assert commit(store, Change(9, "encode")).version == 9
