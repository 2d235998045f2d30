"""A removal that meets another, a tag, a writer of the same name, or a commit that slept: orders of events by hand."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from datetime import timedelta
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from encore.featurestore import Catalogue, CommitConflict, UsageError, commit
from encore.featurestore.format import seal
from encore.featurestore.format.tombstones import EMPTIED, retire
from encore.featurestore.history import version_log
from encore.featurestore.history.tags import add_tag, read_tags, remove_tag, tag_path
from encore.featurestore.history.versions import VersionLog, manifest_path
from encore.featurestore.removal import sweep
from encore.featurestore.removal.forget import ForgetReport, remove_forgotten
from encore.featurestore.removal.vacuum import Vacuum, vacuum
from encore.featurestore.repair.execution import carry_out
from encore.featurestore.repair.plan import plan_repair
from encore.featurestore.repair.quarantine import Quarantine
from encore.featurestore.repair.salvage import find_salvage, list_again
from encore.featurestore.rewriting.compaction import compact
from encore.featurestore.rewriting.deletion import delete
from encore.featurestore.segments.entries import entry_table
from encore.featurestore.segments.records import record_path
from encore.featurestore.storage.objects import Objects
from encore.featurestore.verification.store import verify
from tests.featurestore.building import change_to, expected, held, put, spec_of
from tests.featurestore.damage import pairs_of

NOW = timedelta(0)
vacuums = import_module("encore.featurestore.removal.vacuum")
commits = import_module("encore.featurestore.commits.publication")


@pytest.fixture
def store(tmp_path: Path) -> Catalogue:
    return Catalogue.create(str(tmp_path / "store"), spec_of())


def age(store: Catalogue, days: float) -> None:
    for folder, _, files in os.walk(store.uri):
        for path in (Path(folder, name) for name in files):
            then = path.stat().st_mtime - days * 24 * 3600
            os.utime(path, (then, then))


def at_first(patch: pytest.MonkeyPatch, owner: Any, name: str, before: Callable[[], object]) -> None:
    """Have something done before the next call of a function, and never again."""
    real = getattr(owner, name)

    def then(*arguments: Any, **named: Any) -> Any:
        patch.setattr(owner, name, real)
        before()
        return real(*arguments, **named)

    patch.setattr(owner, name, then)


def sound(store: Catalogue, texts: dict[str, str], snapshot: int | str | None = None) -> bool:
    """Whether a snapshot holds these texts, and nothing is wrong with the store."""
    return (
        held(Catalogue.open(store.uri, snapshot)) == expected(texts, store.spec)
        and verify(Objects.open(store.uri), deep=True).findings == ()
    )


def vacuumed_and_made_again(store: Catalogue) -> None:
    """A vacuum takes a segment that is not listed, and a second copy of its job makes and lists it."""
    vacuum(store.objects)
    put(Catalogue.open(store.uri), {"a": "1"})


def test_a_second_copy_of_a_job_makes_a_segment_under_another_name_while_its_record_goes(
    store: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another vacuum runs to its end between this one's look at the store and its first change of it."""
    change_to(store, {"a": "1"})
    age(store, 8)
    at_first(monkeypatch, vacuums, "remove", lambda: vacuumed_and_made_again(store))
    vacuum(store.objects)
    assert sound(store, {"a": "1"})


def test_a_commit_whose_record_is_retired_right_after_it_was_read_lists_nothing(
    store: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = change_to(store, {"a": "1"})
    age(store, 8)
    get, record = Objects.get, record_path(slow.added[0].segment)

    def then(self: Objects, path: str) -> bytes:
        data = get(self, path)
        if path == record:
            monkeypatch.setattr(Objects, "get", get)
            vacuumed_and_made_again(store)
        return data

    monkeypatch.setattr(Objects, "get", then)
    with pytest.raises(CommitConflict, match="are gone: 1"):
        commit(store, slow)
    assert sound(store, {"a": "1"})


def three_and_one(store: Catalogue) -> Catalogue:
    """Three old snapshots, a compaction of them, and one that was added a week later."""
    for n in range(3):
        store = put(store, {f"d{n}": str(n)})
    compact(store)
    age(store, 30)
    store = put(Catalogue.open(store.uri), {"new": "n"})
    age(store, 8)
    return store


SECOND = {"d0": "0", "d1": "1"}


def test_a_snapshot_that_is_tagged_while_two_vacuums_remove_it_is_whole(
    store: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second vacuum finds the manifest taken by the first one, which is about to put it back."""
    store = three_and_one(store)

    def tagged() -> None:
        at_first(monkeypatch, sweep, "_without_tagged", lambda: vacuum(store.objects))
        add_tag(store.objects, "keep", 2)

    at_first(monkeypatch, vacuums, "remove", tagged)
    vacuum(store.objects)
    assert sound(store, SECOND, "keep")


def test_a_tag_that_comes_while_the_fence_is_published_is_told_that_its_snapshot_is_gone(
    store: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = three_and_one(store)
    told = []

    def tag() -> None:
        with pytest.raises(UsageError, match="no snapshot 2"):
            add_tag(store.objects, "keep", 2)
        told.append(True)

    at_first(monkeypatch, sweep, "_publish_nothing", tag)
    vacuum(store.objects)
    assert told == [True]
    assert read_tags(store.objects) == {}
    assert sound(store, {**SECOND, "d2": "2", "new": "n"})


def test_who_finds_the_same_tag_of_a_snapshot_that_goes_is_told_so_too(
    store: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both writers saw the snapshot before it went. The one that made the tag has not looked again yet."""
    store = three_and_one(store)

    def tagged_and_gone() -> None:
        store.objects.create(tag_path("keep"), seal({"format_version": 1, "snapshot": 2, "created_at": ""}))
        store.objects.replace(manifest_path(2), EMPTIED)

    at_first(monkeypatch, Objects, "create", tagged_and_gone)
    with pytest.raises(UsageError, match="no snapshot 2"):
        add_tag(store.objects, "keep", 2)
    assert read_tags(store.objects) == {}


@pytest.mark.parametrize("followers", [2, 3, 70])
def test_a_commit_that_slept_while_its_number_was_taken_and_retired(
    store: Catalogue, monkeypatch: pytest.MonkeyPatch, followers: int
) -> None:
    """The commit is too late for its number. It makes its change on top of what followed."""
    store = put(store, {"a": "1", "b": "2"})
    log = version_log(store.objects)

    def meanwhile() -> None:
        for _ in range(followers):
            head = log.latest()
            assert log.publish(head, "other", head.counts, entry_table([])) is not None
        remove_forgotten(Catalogue.open(store.uri))
        vacuum(store.objects, age_limit=NOW)

    at_first(monkeypatch, VersionLog, "_create", meanwhile)
    assert delete(store, ["b"]).deleted == 1
    assert sound(store, {"a": "1"})
    assert log.find(2) is None


def test_a_tag_whose_snapshot_is_gone_stops_no_forgetting(store: Catalogue) -> None:
    store = put(put(store, {"a": "1", "b": "2"}), {}, prune=frozenset({"b"}))
    add_tag(store.objects, "broken", 1)
    store.objects.replace(manifest_path(1), EMPTIED)
    compact(store, target_bytes=1)
    done = remove_forgotten(Catalogue.open(store.uri), age_limit=NOW)
    assert (done.complete, done.tags) == (True, {})
    with pytest.raises(UsageError, match="no snapshot 1"):
        Catalogue.open(store.uri, "broken")


def test_so_many_snapshots_are_kept_behind_a_gap_too(store: Catalogue) -> None:
    for n in range(5):
        store = put(Catalogue.open(store.uri), {f"d{n}": str(n)})
        if n == 2:
            add_tag(store.objects, "keep", 3)
    vacuum(store.objects, age_limit=NOW)
    vacuum(store.objects, age_limit=NOW)
    assert [manifest.version for manifest in version_log(store.objects).history()] == [3, 6]
    remove_tag(store.objects, "keep")
    assert vacuum(store.objects, keep_snapshots=2, age_limit=NOW).kept == (3, 6)
    put(Catalogue.open(store.uri), {"more": "m"})
    assert vacuum(store.objects, keep_snapshots=2, age_limit=NOW).kept == (6, 7, 8)


def tag_late(store: Catalogue, number: int) -> None:
    """Tag a snapshot as a writer that looked for it before the removal took it, and is about to look again."""
    store.objects.create(tag_path("late"), seal({"format_version": 1, "snapshot": number, "created_at": "2026-01-01"}))


def test_a_snapshot_that_another_vacuum_puts_back_for_a_tag_before_the_fence_is_whole(
    store: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first vacuum looked before the tag was there. The other vacuum put the manifest back."""
    store = three_and_one(store)
    seen = []

    def other() -> None:
        at_first(monkeypatch, sweep, "_without_tagged", lambda: tag_late(store, 2))
        vacuum(store.objects, age_limit=NOW)
        seen.append(version_log(store.objects).find(2))

    at_first(monkeypatch, sweep, "_publish_nothing", other)
    vacuum(store.objects)
    assert seen != [None], "so whoever tagged it is content"
    assert sound(store, SECOND, "late")


def test_a_tag_of_what_an_interrupted_vacuum_had_half_removed_leads_to_nothing_and_stops_no_vacuum(
    store: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tombstones are emptied first: a tombstone that holds a manifest says that the whole snapshot is there."""
    store = three_and_one(store)
    remove = Objects.delete

    def stopped(self: Objects, paths: Iterable[str]) -> None:
        remove(self, paths)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Objects, "delete", stopped)
        with pytest.raises(KeyboardInterrupt):
            vacuum(store.objects)
    tag_late(store, 2)
    assert version_log(store.objects).find(2, taken=True) is None
    vacuum(store.objects, age_limit=NOW)
    assert held(Catalogue.open(store.uri)) == expected({**SECOND, "d2": "2", "new": "n"}, store.spec)
    with pytest.raises(UsageError, match="no snapshot 2"):
        Catalogue.open(store.uri, "late")


def test_objects_of_a_name_that_another_vacuum_has_just_retired_go_all_the_same(
    store: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other vacuum may have been killed then. Forgetting leaves nothing behind."""
    change = change_to(store, {"a": "1"})
    path = record_path(change.added[0].segment)
    store.objects.delete([path])
    age(store, 8)
    at_first(monkeypatch, sweep, "_claimed", lambda: store.objects.create(path, EMPTIED))
    assert remove_forgotten(Catalogue.open(store.uri)).complete
    assert [path for path, _ in store.objects.walk("segments")] == [path]


def test_tombstones_outlast_a_power_cut_before_what_they_led_to_goes(
    store: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, seen = three_and_one(store), []
    for name in ("replace", "barrier", "delete"):
        real = getattr(Objects, name)

        def noting(self: Objects, *arguments: Any, name: str = name, real: Callable[..., Any] = real) -> Any:
            seen.append(name)
            return real(self, *arguments)

        monkeypatch.setattr(Objects, name, noting)
    vacuum(store.objects)
    emptied, gone = len(seen) - seen[::-1].index("replace"), seen.index("delete")
    assert "barrier" in seen[emptied:gone]


def test_a_repair_that_slept_over_a_vacuum_hides_what_it_is_to_hide(
    store: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The vacuum has looked, and deletes right after the repair has committed."""
    store = put(store, {"a": "1", "b": "2"})
    add_tag(store.objects, "keep", 1)
    put(store, {"a": "changed", "b": "changed"})
    compact(Catalogue.open(store.uri))
    store = Catalogue.open(store.uri)
    found = find_salvage(store, pairs_of({"a": "1"}))
    orphans: list[str] = []

    def slept() -> None:
        with monkeypatch.context() as patch:
            patch.setattr(Objects, "delete", lambda _, paths: orphans.extend(paths))
            vacuum(store.objects, age_limit=NOW)

    at_first(monkeypatch, VersionLog, "_create", slept)
    list_again(store, found, Quarantine(store.objects, "salvage"))
    assert any(path.startswith("deletions/") for path in orphans)
    store.objects.delete(orphans)
    assert sound(store, {"a": "1", "b": "changed"})


def half_taken(store: Catalogue) -> Catalogue:
    """A tagged snapshot that an interrupted vacuum had begun to take."""
    store = three_and_one(store)
    add_tag(store.objects, "keep", 2)
    retire(store.objects, manifest_path(2))
    return store


@pytest.mark.parametrize(
    "take",
    [lambda store, **how: vacuum(store.objects, age_limit=NOW, **how), partial(remove_forgotten, age_limit=NOW)],
)
def test_a_dry_run_spares_what_a_half_taken_snapshot_with_a_tag_needs(
    store: Catalogue, take: Callable[..., Vacuum | ForgetReport]
) -> None:
    store = half_taken(store)
    store = Catalogue.open(store.uri)
    said, done = take(store, dry_run=True).removed, take(store).removed
    assert {kind: {it.path for it in said[kind]} for kind in said if kind != "manifests"} == {
        kind: {it.path for it in done[kind]} for kind in done if kind != "manifests"
    }
    assert sound(store, SECOND, "keep")


@pytest.mark.parametrize("snapshot", [None, "keep"])
def test_a_half_taken_snapshot_with_a_tag_is_verified_and_repaired(store: Catalogue, snapshot: str | None) -> None:
    """Readers reach the snapshot by its tag, so verification has to find what is wrong with it."""
    store = half_taken(store)
    assert verify(Objects.open(store.uri), "keep", deep=True).snapshots == (2,)
    folder = f"segments/{Catalogue.open(store.uri, 'keep').entries[0].segment}/"
    store.objects.delete([path for path, _ in store.objects.walk() if path.startswith(folder)])
    assert verify(Objects.open(store.uri), snapshot, deep=True).findings
    carry_out(store.objects, plan_repair(store.objects))
    assert read_tags(store.objects) == {}
    assert sound(store, {**SECOND, "d2": "2", "new": "n"})


def test_a_vacuum_that_keeps_more_than_another_goes_on_without_what_that_took(
    store: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The vacuum has read the manifests, and finds their lists gone."""
    for n in range(3):
        store = put(store, {f"d{n}": str(n)})
    at_first(monkeypatch, VersionLog, "entries", lambda: vacuum(store.objects, age_limit=NOW))
    vacuum(store.objects, keep_snapshots=3, age_limit=NOW)
    assert sound(store, {"d0": "0", "d1": "1", "d2": "2"})
