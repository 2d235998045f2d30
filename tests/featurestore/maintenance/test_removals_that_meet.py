"""A removal that meets another, a tag, a writer of the same name, or a commit that slept: orders of events by hand."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from featurestore import CommitConflict, Store, UsageError, commit
from featurestore.maintenance import fenced_removal, removal
from featurestore.maintenance.compact import compact
from featurestore.maintenance.delete import delete
from featurestore.maintenance.forget import remove_forgotten
from featurestore.maintenance.vacuum import vacuum
from featurestore.maintenance.verify import verify
from featurestore.objects import Objects
from featurestore.records import record_path
from featurestore.removals import write_journal
from featurestore.store import version_log
from featurestore.tags import add_tag, remove_tag
from featurestore.versions import VersionLog, list_path, manifest_path
from tests.featurestore.building import change_to, expected, held, put, spec_of

NOW = timedelta(0)
vacuums = import_module("featurestore.maintenance.vacuum")
commits = import_module("featurestore.commit")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.create(str(tmp_path / "store"), spec_of())


def age(store: Store, days: float) -> None:
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


def sound(store: Store, texts: dict[str, str], snapshot: int | str | None = None) -> bool:
    """Whether a snapshot holds these texts, and nothing is wrong with the store."""
    return (
        held(Store.open(store.uri, snapshot)) == expected(texts, store.spec)
        and verify(store.uri, deep=True).findings == ()
    )


def test_what_is_listed_comes_back_over_what_another_attempt_wrote_meanwhile(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A commit lists the record that a vacuum has just taken; a second copy of the job finds the name free."""
    first = change_to(store, {"a": "1"})
    age(store, 8)
    record = record_path(first.added[0].segment)

    def listed_and_written() -> None:
        monkeypatch.setattr(commits, "require_present", lambda *_: None)
        commit(store, first)
        monkeypatch.undo()
        # Its name was had before the journal was there.
        store.objects.create(record, b"the record of another attempt")

    at_first(monkeypatch, fenced_removal, "_publish_nothing", listed_and_written)
    vacuum(store.objects)
    assert sound(store, {"a": "1"})


def vacuumed_and_made_again(store: Store) -> None:
    """A vacuum takes a segment that nobody has listed, and a second copy of its job makes and lists it."""
    vacuum(store.objects)
    put(Store.open(store.uri), {"a": "1"})


def test_a_record_that_was_written_since_it_was_read_is_not_removed(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That happens between another vacuum's look at the names and its journal."""
    change_to(store, {"a": "1"})
    age(store, 8)
    at_first(monkeypatch, fenced_removal, "write_journal", lambda: vacuumed_and_made_again(store))
    vacuum(store.objects)
    assert sound(store, {"a": "1"})


def test_a_commit_puts_no_record_over_one_that_was_listed_meanwhile(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That happens when the commit has just read the record which it is about to list."""
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


def three_and_one(store: Store) -> Store:
    """Three old snapshots, a compaction of them, and one that was added a week later."""
    for n in range(3):
        store = put(store, {f"d{n}": str(n)})
    compact(store)
    age(store, 30)
    store = put(Store.open(store.uri), {"new": "n"})
    age(store, 8)
    return store


SECOND = {"d0": "0", "d1": "1"}


def test_a_snapshot_that_is_tagged_while_two_vacuums_remove_it_is_whole(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second finds its manifest gone, since the first has just taken it, and is about to put it back."""
    store = three_and_one(store)
    real = vacuums.remove_manifests
    spared: list[set[int]] = []

    def second_removes(objects: Objects, doomed: Any) -> set[int]:
        add_tag(objects, "keep", 2)

        def first_removes(objects: Objects, doomed_by_first: Any) -> set[int]:
            at_first(monkeypatch, removal, "restore_tagged", lambda: spared.append(real(objects, doomed)))
            found: set[int] = real(objects, doomed_by_first)
            return found

        monkeypatch.setattr(vacuums, "remove_manifests", first_removes)
        # The first had looked at the tags before there was one.
        with monkeypatch.context() as before:
            before.setattr(vacuums, "tags", lambda _: {})
            vacuum(objects)
        monkeypatch.setattr(vacuums, "remove_manifests", real)
        return spared[0]

    monkeypatch.setattr(vacuums, "remove_manifests", second_removes)
    vacuum(store.objects)
    assert spared == [{2}]
    assert sound(store, SECOND, "keep")


def test_a_tagged_snapshot_that_another_vacuum_is_about_to_put_back_is_kept(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is in no listing then, but in a journal."""
    store = three_and_one(store)

    def tagged() -> None:
        add_tag(store.objects, "keep", 2)
        at_first(monkeypatch, removal, "restore_tagged", meanwhile)

    def meanwhile() -> None:
        # Its own look for interrupted removals was over before that journal was there.
        with monkeypatch.context() as before:
            before.setattr(vacuums, "undo_interrupted_removals", lambda *_: None)
            vacuum(store.objects)

    at_first(monkeypatch, vacuums, "remove_manifests", tagged)
    vacuum(store.objects)
    assert sound(store, SECOND, "keep")


@pytest.mark.parametrize("followers", [2, 3])
@pytest.mark.parametrize("killed", [False, True])
def test_a_commit_that_slept_while_its_number_was_taken_and_freed(
    store: Store, monkeypatch: pytest.MonkeyPatch, followers: int, killed: bool
) -> None:
    """Its manifest is no snapshot: nobody lists it, verify is silent, and the next vacuum takes it away."""
    store = put(store, {"a": "1", "b": "2"})

    def meanwhile() -> None:
        for n in range(followers):
            put(Store.open(store.uri), {f"c{n}": "3"})
        remove_forgotten(Store.open(store.uri))
        if killed:
            at_first(monkeypatch, VersionLog, "_in_force", stop)

    def stop() -> None:
        raise KeyboardInterrupt

    at_first(monkeypatch, VersionLog, "_create", meanwhile)
    if killed:
        with pytest.raises(KeyboardInterrupt):
            delete(store, ["b"])
    else:
        assert delete(store, ["b"]).deleted == 1
    texts = {"a": "1"} | ({"b": "2"} if killed else {}) | {f"c{n}": "3" for n in range(followers)}
    assert sound(store, texts)
    assert version_log(store.objects).find(2) is not None
    assert 2 not in [manifest.version for manifest in version_log(store.objects).history()]
    # An interrupted removal is looked at first; what the manifest names may be gone by then.
    write_journal(store.objects, {"lists/other": b"x"})
    late = version_log(store.objects).at(2)
    newest = {part.digest for part in version_log(store.objects).latest().lists}
    store.objects.delete(list_path(part.digest) for part in late.lists if part.digest not in newest)
    vacuum(store.objects)
    assert version_log(store.objects).find(2) is None
    assert sound(store, texts)


def test_a_tagged_snapshot_comes_back_over_a_manifest_that_came_too_late(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(4):
        store = put(store, {f"d{n}": str(n)})

    def meanwhile() -> None:
        add_tag(store.objects, "keep", 2)
        at_first(monkeypatch, removal, "restore_tagged", late)

    def late() -> None:
        assert store.objects.create(manifest_path(2), version_log(store.objects).latest().to_bytes())

    at_first(monkeypatch, vacuums, "remove_manifests", meanwhile)
    vacuum(store.objects, age_limit=NOW)
    assert sound(store, SECOND, "keep")


def test_a_tag_whose_snapshot_is_gone_stops_no_forgetting(store: Store) -> None:
    store = put(put(store, {"a": "1", "b": "2"}), {}, prune=frozenset({"b"}))
    add_tag(store.objects, "broken", 1)
    store.objects.delete([manifest_path(1)])
    compact(store, target_bytes=1)
    done = remove_forgotten(Store.open(store.uri), age_limit=NOW)
    assert (done.complete, done.tags) == (True, {})
    with pytest.raises(UsageError, match="no snapshot 1"):
        Store.open(store.uri, "broken")


def test_so_many_snapshots_are_kept_behind_a_gap_too(store: Store) -> None:
    for n in range(5):
        store = put(Store.open(store.uri), {f"d{n}": str(n)})
        if n == 2:
            add_tag(store.objects, "keep", 3)
    vacuum(store.objects, age_limit=NOW)
    vacuum(store.objects, age_limit=NOW)
    assert [manifest.version for manifest in version_log(store.objects).history()] == [3, 6]
    remove_tag(store.objects, "keep")
    assert vacuum(store.objects, keep_snapshots=2, age_limit=NOW).kept == (3, 6)
    put(Store.open(store.uri), {"more": "m"})
    assert vacuum(store.objects, keep_snapshots=2, age_limit=NOW).kept == (6, 7, 8)
