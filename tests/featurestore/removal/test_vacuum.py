"""Vacuum keeps all that kept snapshots and running jobs need, and removes the rest."""

from __future__ import annotations

import itertools
import os
import shutil
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from obstore.store import LocalStore

from encore.featurestore import Catalogue, Change, StoreError, UsageError, commit
from encore.featurestore.format.tombstones import EMPTIED, object_state, retire
from encore.featurestore.history import version_log
from encore.featurestore.history.tags import add_tag
from encore.featurestore.history.versions import manifest_path
from encore.featurestore.removal.live_set import KeepRule
from encore.featurestore.removal.vacuum import Vacuum, vacuum
from encore.featurestore.rewriting.compaction import compact
from encore.featurestore.segments.records import record_path
from encore.featurestore.storage.objects import Objects
from encore.featurestore.verification.store import verify
from tests.featurestore.building import change_to, expected, held, put, spec_of, write
from tests.featurestore.grown_stores import NOW, age, digests, needed, paths
from tests.featurestore.simulated_storage import SimulatedStorage, Stopped


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
        """The snapshot after it was old when a vacuum took it, whatever was written since."""
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
    def test_kept_snapshots_are_whole_and_nothing_else_is_there(
        self, busy: Catalogue, keep: int, kept: list[int]
    ) -> None:
        busy.objects.put("runs/some-run/report.json", b"{}")
        before, wanted = digests(busy, *kept), needed(busy, *kept)
        done = vacuum(busy.objects, keep_snapshots=keep, age_limit=NOW)
        assert list(done.kept) == [*kept, 8]
        assert digests(busy, *kept) == before
        assert paths(busy) == wanted | needed(busy, 8)
        again = vacuum(busy.objects, keep_snapshots=keep + 1, age_limit=NOW)
        assert again.removed == {kind: [] for kind in done.removed}
        assert list(again.kept) == [*kept, 8]

    def test_snapshots_that_vacuums_add_do_not_count(self, store: Catalogue) -> None:
        """Each night a commit or two, and a vacuum that keeps three states."""
        for night in range(4):
            for part in range(1 + night % 2):
                store = put(Catalogue.open(store.uri), {f"{night}": f"text {night} {part}"})
            vacuum(store.objects, keep_snapshots=3, age_limit=NOW)
            left = [(manifest.version, manifest.operation) for manifest in version_log(store.objects).history()]
        assert left == [(5, "vacuum"), (6, "encode"), (7, "encode"), (8, "vacuum")]

    def test_so_many_states_are_kept_with_the_snapshot_that_a_vacuum_added(self, busy: Catalogue) -> None:
        assert vacuum(busy.objects, keep_snapshots=3, age_limit=NOW).kept == (5, 6, 7, 8)
        assert vacuum(busy.objects, keep_snapshots=3, age_limit=NOW).kept == (5, 6, 7, 8)

    def test_the_snapshot_that_a_vacuum_adds_changes_nothing(self, busy: Catalogue) -> None:
        vacuum(busy.objects, age_limit=NOW)
        fence = Catalogue.open(busy.uri)
        assert (fence.version, fence.manifest.operation) == (8, "vacuum")
        assert (fence.entries, fence.manifest.counts) == (busy.entries, busy.manifest.counts)
        assert vacuum(busy.objects, age_limit=NOW).kept == (8,)
        assert vacuum(busy.objects, age_limit=NOW).kept == (8,)

    def test_where_all_is_kept_nothing_is_removed_and_nothing_added(self, busy: Catalogue) -> None:
        there = paths(busy)
        assert vacuum(busy.objects, keep_snapshots=99, age_limit=NOW).kept == (1, 2, 3, 4, 5, 6, 7)
        assert paths(busy) == there

    def test_on_s3(self, s3_bucket: str) -> None:
        store = put(Catalogue.create(f"{s3_bucket}/store", spec_of()), {"a": "1", "b": "2"})
        store = put(put(store, {"a": "3"}), {"c": "4"})
        compact(store)
        before, wanted = digests(store, 4), needed(store, 4)
        assert vacuum(store.objects, age_limit=NOW).kept == (4, 5)
        assert digests(store, 4) == before
        assert paths(store) == wanted | needed(store, 5)

    def test_a_tag_protects_its_snapshot(self, busy: Catalogue) -> None:
        add_tag(busy.objects, "paper", 2)
        before, wanted = digests(busy, 2, 7), needed(busy, 2, 7)
        assert vacuum(busy.objects, age_limit=NOW).kept == (2, 7, 8)
        assert digests(busy, 2, 7) == before
        assert paths(busy) == wanted | needed(busy, 8)
        with pytest.raises(UsageError, match="no snapshot 3"):
            Catalogue.open(busy.uri, 3)

    def test_days_keep_what_was_the_newest_within_them(self, busy: Catalogue) -> None:
        age(busy, 24 * 60)
        age(busy, 24 * 10, "manifests/00000000000000000005", "manifests/00000000000000000006")
        assert vacuum(busy.objects, keep_days=30, age_limit=NOW).kept == (4, 5, 6, 7, 8)

    def test_a_store_without_snapshots(self, store: Catalogue) -> None:
        assert vacuum(store.objects, age_limit=NOW) == Vacuum((), [], [], [], [], [], [])
        assert paths(store) == {"store.json"}

    def test_names_that_are_none_of_ours_stay(self, busy: Catalogue) -> None:
        strange = {"segments/notes.txt", "lists/readme", "manifests/README.md", "deletions/old", "other/x"}
        for path in strange:
            busy.objects.put(path, b"x")
        vacuum(busy.objects, age_limit=NOW)
        assert strange < paths(busy)

    def test_folders_that_are_empty_go_too(self, busy: Catalogue) -> None:
        vacuum(busy.objects, age_limit=NOW)
        listed = {entry.segment for entry in Catalogue.open(busy.uri).entries}
        assert {path.name for path in (Path(busy.uri) / "segments").iterdir() if path.is_dir()} == listed


class TestAge:
    def test_nothing_younger_than_the_limit_goes(self, busy: Catalogue) -> None:
        there = paths(busy)
        assert vacuum(busy.objects).kept == (1, 2, 3, 4, 5, 6, 7)
        assert paths(busy) == there

    def test_an_unfinished_segment_stays_until_it_is_old(self, store: Catalogue) -> None:
        record = write(store, {"a": "1"})
        store.objects.delete([record_path(record.segment)])
        there = paths(store)
        vacuum(store.objects)
        assert paths(store) == there
        age(store, 24 * 8)
        assert len(vacuum(store.objects).attempts) == len(record.objects)
        assert paths(store) == needed(store, 1)

    def test_a_finished_segment_that_is_young_is_adopted_by_a_rerun(self, store: Catalogue) -> None:
        age(store, 24 * 8)
        record = write(store, {"a": "1"})
        vacuum(store.objects)
        assert put(store, {"a": "1"}).entries[0].attempt == record.attempt

    def test_one_young_object_keeps_the_whole_of_a_segment_that_is_not_listed(self, store: Catalogue) -> None:
        record = write(store, {"a": "1"})
        age(store, 24 * 8)
        there = paths(store)
        age(store, 0, f"segments/{record.segment}/{record.attempt}/offsets/zarr.json")
        vacuum(store.objects)
        assert paths(store) == there

    def test_an_attempt_that_lost_goes_when_it_is_old(self, busy: Catalogue) -> None:
        segment = busy.entries[-1].segment
        lost = f"segments/{segment}/{'f' * 32}/zarr.json"
        busy.objects.put(lost, b"x")
        vacuum(busy.objects)
        assert lost in paths(busy)
        age(busy, 24 * 8)
        digest = busy.digest()
        vacuum(busy.objects)
        assert lost not in paths(busy)
        assert Catalogue.open(busy.uri).digest() == digest

    def test_attempts_at_a_name_that_was_retired_go_however_young(self, store: Catalogue) -> None:
        """No job can finish a segment whose name is retired."""
        record = write(store, {"a": "1"})
        store.objects.replace(record_path(record.segment), EMPTIED)
        assert len(vacuum(store.objects).attempts) == len(record.objects)
        assert paths(store) == needed(store, 1)

    def test_a_snapshot_that_another_vacuum_has_just_begun_to_take_is_left_to_it(self, busy: Catalogue) -> None:
        age(busy, 24 * 8)
        retire(busy.objects, manifest_path(2))
        assert vacuum(busy.objects).kept == (7, 8)
        left = object_state(busy.objects, manifest_path(2))
        assert left is not None
        assert left.retired
        assert left.content is not None

    def test_a_job_may_work_from_a_snapshot_that_was_the_newest_when_it_began(self, busy: Catalogue) -> None:
        """Snapshot 6 is two months old, and was the newest until an hour ago."""
        age(busy, 24 * 60)
        late = change_to(Catalogue.open(busy.uri, 6), {"a": "late"}, prune=frozenset({"e"}))
        age(busy, 1, "manifests/00000000000000000007")
        assert vacuum(busy.objects).kept == (6, 7, 8)
        compact(Catalogue.open(busy.uri))
        commit(busy, late)
        assert held(Catalogue.open(busy.uri)) == expected({"d": "4", "f": "6", "a": "late"}, busy.spec)

    def test_a_file_that_a_killed_process_had_begun_to_write_goes_when_it_is_old(self, busy: Catalogue) -> None:
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
    def test_it_says_what_a_vacuum_then_removes_and_removes_nothing(self, busy: Catalogue) -> None:
        there = paths(busy)
        said = vacuum(busy.objects, age_limit=NOW, dry_run=True)
        assert paths(busy) == there
        done = vacuum(busy.objects, age_limit=NOW)
        assert {kind: sorted(s.path for s in found) for kind, found in said.removed.items()} == {
            kind: sorted(s.path for s in found) for kind, found in done.removed.items()
        }
        assert there - paths(busy) == {stored.path for found in done.removed.values() for stored in found}
        assert done.to_dict()["removed"]["manifests"]["objects"] == 6


class TestCrash:
    def test_a_vacuum_that_stops_anywhere_leaves_all_whole_and_the_next_one_finishes_it(
        self, busy: Catalogue, tmp_path: Path
    ) -> None:
        add_tag(busy.objects, "kept", 2)
        want = digests(busy, 2, 7)
        for writes in itertools.count():
            folder = tmp_path / f"copy-{writes}"
            shutil.copytree(busy.uri, folder)
            storage = SimulatedStorage(LocalStore(folder, automatic_cleanup=True), str(folder))
            storage.written = {path: 0 for path, _ in storage.walk()}
            copy = Catalogue(storage, busy.spec, busy.manifest)
            try:
                with storage.stopping(writes):
                    vacuum(storage, age_limit=NOW)
                stopped = False
            except Stopped:
                stopped = True
            assert digests(copy, 2, 7) == want
            assert verify(Objects.open(copy.uri), deep=True).findings == ()
            newest = vacuum(storage, age_limit=NOW).kept[-1]
            assert digests(copy, 2, newest) == {2: want[2], newest: want[7]}
            vacuum(storage, age_limit=NOW)
            assert paths(copy) == needed(copy, 2, Catalogue.open(copy.uri).version)
            shutil.rmtree(folder)
            if not stopped:
                break
        assert writes > 10


class TestRefusals:
    def test_a_disk_that_is_full_stops_it_before_anything_goes(
        self, busy: Catalogue, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The vacuum copies what it is about to take into tombstones before it takes anything."""

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
    def test_limits_that_make_no_sense(self, store: Catalogue, asked: dict[str, Any]) -> None:
        with pytest.raises(UsageError, match="at least 1 snapshot to keep"):
            vacuum(store.objects, **asked)

    def test_a_kept_snapshot_that_cannot_be_read_stops_it_before_anything_goes(self, busy: Catalogue) -> None:
        damaged = f"lists/{busy.manifest.lists[0].digest}.parquet"
        busy.objects.put(damaged, b"x")
        there = paths(busy)
        with pytest.raises(StoreError, match=r"lists/.*damaged"):
            vacuum(busy.objects, age_limit=NOW)
        assert paths(busy) == there

    def test_a_change_of_what_is_stored_is_still_possible_afterwards(self, busy: Catalogue) -> None:
        vacuum(busy.objects, age_limit=NOW)
        store = put(Catalogue.open(busy.uri), {"g": "7"}, prune=frozenset({"d"}))
        assert store.version == 9
        assert commit(store, Change(9, "encode")).version == 9
