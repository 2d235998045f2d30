"""Jobs that commit, tag and finish segments while a vacuum runs: nothing that is listed or tagged is lost."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import pytest

from encore.featurestore import Catalogue, Change, CommitConflict, UsageError, commit
from encore.featurestore.format import seal
from encore.featurestore.format.tombstones import EMPTIED, object_state, retire
from encore.featurestore.history import version_log
from encore.featurestore.history.tags import add_tag
from encore.featurestore.history.versions import manifest_path
from encore.featurestore.removal import sweep
from encore.featurestore.removal.vacuum import vacuum
from encore.featurestore.rewriting.compaction import compact
from encore.featurestore.rewriting.deletion import delete
from encore.featurestore.segments.entries import entry_table
from encore.featurestore.segments.records import record_path
from encore.featurestore.storage.objects import Objects
from encore.featurestore.verification.store import verify
from tests.featurestore.building import change_to, expected, held, put, write
from tests.featurestore.grown_stores import NOW, age, digests, needed, paths


def before(monkeypatch: pytest.MonkeyPatch, step: str, act: Callable[[str], object], times: int = 1) -> None:
    """Run a function right before a step of a removal, with the path of that step."""
    go_on, left = getattr(sweep, step), [None] * times

    def raced(objects: Objects, path: str, *arguments: Any) -> Any:
        if left:
            left.pop()
            act(path)
        return go_on(objects, path, *arguments)

    monkeypatch.setattr(sweep, step, raced)


def unseen(monkeypatch: pytest.MonkeyPatch, store: Catalogue, change: Change) -> None:
    """Commit as a writer that saw its segments in storage before a removal took them."""
    with monkeypatch.context() as patch:
        patch.setattr(import_module("encore.featurestore.commits.publication"), "require_present", lambda *_: None)
        commit(store, change)


def add_tag_late(store: Catalogue) -> None:
    """Tag snapshot 2 as a writer that looked for it before the removal took it, and is about to look again."""
    store.objects.create("tags/late.json", seal({"format_version": 1, "snapshot": 2, "created_at": "2026-01-01"}))


def test_a_job_whose_old_segment_was_removed_is_told_and_its_rerun_writes_it(store: Catalogue) -> None:
    change = change_to(store, {"a": "1"})
    age(store, 24 * 8)
    vacuum(store.objects)
    with pytest.raises(CommitConflict, match="segments of this commit are gone: 1"):
        commit(store, change)
    assert held(put(store, {"a": "1"})) == expected({"a": "1"}, store.spec)


def test_what_is_listed_right_before_its_record_would_go_stays(
    store: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    change = change_to(store, {"a": "1"})
    age(store, 24 * 8)
    before(monkeypatch, "retire", lambda _: commit(store, change))
    assert vacuum(store.objects).attempts == []
    assert held(Catalogue.open(store.uri)) == expected({"a": "1"}, store.spec)
    assert verify(Objects.open(store.uri), deep=True).findings == ()


def test_what_is_listed_while_its_record_goes_is_read_through_its_tombstone_and_then_put_back(
    store: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    change = change_to(store, {"a": "1"})
    age(store, 24 * 8)
    path, seen = record_path(change.added[0].segment), []
    fence = sweep._publish_nothing

    def listed(*arguments: Any) -> None:
        unseen(monkeypatch, store, change)
        seen.append((object_state(store.objects, path).retired, held(Catalogue.open(store.uri))))
        assert verify(Objects.open(store.uri), deep=True).findings == ()
        fence(*arguments)

    monkeypatch.setattr(sweep, "_publish_nothing", listed)
    assert vacuum(store.objects).attempts == []
    assert seen == [(True, expected({"a": "1"}, store.spec))]
    assert not object_state(store.objects, path).retired
    assert held(Catalogue.open(store.uri)) == expected({"a": "1"}, store.spec)


def test_an_unfinished_segment_that_is_finished_while_a_vacuum_runs_stays(
    store: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job that slept for longer than the age limit puts its record after the vacuum has listed all."""
    record = write(store, {"a": "1"})
    path = record_path(record.segment)
    data = store.objects.get(path)
    store.objects.delete([path])
    age(store, 24 * 8)
    listed = sweep._claimed

    def finished(*arguments: Any) -> Any:
        assert store.objects.create(path, data)
        return listed(*arguments)

    monkeypatch.setattr(sweep, "_claimed", finished)
    assert vacuum(store.objects).attempts == []
    assert put(Catalogue.open(store.uri), {"a": "1"}).entries[0].attempt == record.attempt


def test_a_job_that_finishes_a_segment_which_a_vacuum_has_removed_is_told_so(store: Catalogue) -> None:
    record = write(store, {"a": "1"})
    path = record_path(record.segment)
    data = store.objects.get(path)
    store.objects.delete([path])
    age(store, 24 * 8)
    assert len(vacuum(store.objects).attempts) == len(record.objects)
    assert not store.objects.create(path, data)
    assert store.objects.get(path) == EMPTIED
    again = put(Catalogue.open(store.uri), {"a": "1"})
    assert record.segment not in again.listed
    assert held(again) == expected({"a": "1"}, store.spec)


def test_a_commit_that_had_seen_its_segment_is_told_by_the_fence_that_it_is_gone(
    store: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole vacuum runs after the commit has looked for its segment, and before it publishes."""
    change = change_to(store, {"a": "1"})
    age(store, 24 * 8)
    module = import_module("encore.featurestore.commits.publication")
    look = module.require_present

    def then_vacuum(*arguments: Any) -> None:
        look(*arguments)
        monkeypatch.setattr(module, "require_present", look)
        assert len(vacuum(store.objects).records) == 1

    monkeypatch.setattr(module, "require_present", then_vacuum)
    with pytest.raises(CommitConflict, match="segments of this commit are gone: 1"):
        commit(store, change)
    assert verify(Objects.open(store.uri), deep=True).findings == ()
    assert held(put(Catalogue.open(store.uri), {"a": "1"})) == expected({"a": "1"}, store.spec)


def test_a_deletion_vector_is_never_written_under_a_name_that_a_vacuum_may_be_taking(
    store: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same position is deleted again, in a segment that a compaction has made."""
    delete(put(store, {"a": "1", "b": "2", "c": "3"}), ["a"])
    (vector,) = (path for path in paths(store) if path.startswith("deletions/"))
    compact(Catalogue.open(store.uri))
    fence = sweep._publish_nothing

    def deleted(*arguments: Any) -> None:
        monkeypatch.undo()
        delete(Catalogue.open(store.uri), ["b"])
        fence(*arguments)

    monkeypatch.setattr(sweep, "_publish_nothing", deleted)
    vacuum(store.objects, age_limit=NOW)
    newest = Catalogue.open(store.uri)
    (needed_now,) = (f"deletions/{entry.deletions}" for entry in newest.entries)
    assert needed_now != vector
    assert vector not in paths(store)
    assert held(newest) == expected({"c": "3"}, store.spec)
    assert verify(Objects.open(store.uri), deep=True).findings == ()


def test_a_record_that_is_being_taken_is_gone_to_a_commit(store: Catalogue) -> None:
    change = change_to(store, {"a": "1"})
    retire(store.objects, record_path(change.added[0].segment))
    with pytest.raises(CommitConflict, match="gone: 1"):
        commit(store, change)


def test_two_vacuums_that_take_the_same_record_leave_what_is_listed(
    store: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first vacuum puts the record back for a commit. The second one found the record taken, and goes on."""
    change = change_to(store, {"a": "1"})
    age(store, 24 * 8)
    fence = sweep._publish_nothing

    def second_and_commit(*arguments: Any) -> None:
        monkeypatch.setattr(sweep, "_publish_nothing", listed)
        vacuum(store.objects, age_limit=NOW)
        fence(*arguments)

    def listed(*arguments: Any) -> None:
        monkeypatch.setattr(sweep, "_publish_nothing", fence)
        unseen(monkeypatch, store, change)
        fence(*arguments)

    monkeypatch.setattr(sweep, "_publish_nothing", second_and_commit)
    vacuum(store.objects)
    assert held(Catalogue.open(store.uri)) == expected({"a": "1"}, store.spec)
    assert verify(Objects.open(store.uri), deep=True).findings == ()


def test_a_tagged_snapshot_survives_a_vacuum_that_is_killed_before_it_puts_it_back(
    busy: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    want = digests(busy, 2, 7)

    def killed(*_: Any) -> None:
        add_tag_late(busy)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(sweep, "_without_tagged", killed)
        with pytest.raises(KeyboardInterrupt):
            vacuum(busy.objects, age_limit=NOW)
    with pytest.raises(UsageError, match="no snapshot 2"):
        Catalogue.open(busy.uri, 2)
    assert Catalogue.open(busy.uri, "late").digest() == want[2]
    vacuum(busy.objects)
    assert Catalogue.open(busy.uri, "late").digest() == want[2], "it may be in the hands of who took it"
    vacuum(busy.objects, age_limit=NOW)
    assert digests(busy, 2, 7) == want


def test_a_segment_that_lacks_any_object_is_not_listed(store: Catalogue) -> None:
    change = change_to(store, {"a": "1"})
    shards = [path for path in paths(store) if "/features/c/" in path]
    store.objects.delete(shards)
    with pytest.raises(CommitConflict, match="gone: 1"):
        commit(store, change)


def test_a_snapshot_that_is_tagged_while_manifests_go_comes_back(
    busy: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    before_it = digests(busy, 2, 7)
    monkeypatch.setattr(sweep, "REQUESTS_AT_ONCE", 1)
    before(monkeypatch, "retire", lambda _: add_tag(busy.objects, "late", 2))
    assert vacuum(busy.objects, age_limit=NOW).kept == (2, 7, 8)
    assert digests(busy, 2, 7) == before_it
    assert vacuum(busy.objects, age_limit=NOW).kept == (2, 8)
    assert digests(busy, 2, 8) == {2: before_it[2], 8: before_it[7]}
    assert paths(busy) == needed(busy, 2, 8)


def test_a_number_is_never_taken_again(busy: Catalogue) -> None:
    """A commit that slept while 70 others and two vacuums ran comes too late, and is told so."""
    late = version_log(busy.objects).latest()
    store = busy
    for n in range(70):
        store = put(store, {f"more-{n}": str(n)})
    for _ in range(2):
        vacuum(store.objects, age_limit=NOW)
    assert version_log(busy.objects).publish(late, "late", late.counts, entry_table([])) is None
    assert not store.objects.create(manifest_path(late.version + 1), b"x")
    assert verify(Objects.open(store.uri), deep=True).findings == ()
    assert vacuum(store.objects, age_limit=NOW).kept == (78,)
