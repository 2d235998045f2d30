"""A commit lists a segment only where it is still there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from encore.featurestore import Catalogue, CommitConflict, commit
from encore.featurestore.format.tombstones import EMPTIED, retire
from encore.featurestore.segments.records import record_path
from encore.featurestore.storage.objects import Objects
from encore.featurestore.verification.store import verify
from tests.featurestore.building import change_to, expected, held, put, spec_of


@pytest.fixture(params=["local", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Catalogue:
    root = str(tmp_path) if request.param == "local" else str(request.getfixturevalue("s3_bucket"))
    return Catalogue.create(f"{root}/store", spec_of())


def test_a_segment_that_vanished_is_not_listed(store: Catalogue) -> None:
    change = change_to(store, {"a": "1"})
    store.objects.delete([record_path(change.added[0].segment)])
    with pytest.raises(CommitConflict, match="segments of this commit are gone: 1, for example"):
        commit(store, change)
    assert Catalogue.open(store.uri).version == 0


def test_a_segment_whose_objects_are_gone_is_made_again_under_another_name(store: Catalogue) -> None:
    """The commit leaves the record: by now another job may have written it, and may be about to list it."""
    change = change_to(store, {"a": "1"})
    (entry,) = change.added
    folder = f"segments/{entry.segment}/"
    store.objects.delete([path for path, _ in store.objects.walk() if path.startswith(folder)])
    with pytest.raises(CommitConflict, match="run the command again"):
        commit(store, change)
    assert store.objects.size(record_path(entry.segment)) is not None
    again = put(store, {"a": "1"})
    assert held(again) == expected({"a": "1"}, store.spec)
    assert [e.segment for e in again.entries] == [e.segment for e in change_to(store, {"a": "1"}).added]
    assert entry.segment not in again.listed
    assert verify(Objects.open(store.uri), deep=True).findings == ()


@pytest.mark.parametrize("emptied", [False, True])
def test_a_segment_that_a_removal_has_taken_is_made_again_under_another_name(store: Catalogue, emptied: bool) -> None:
    change = change_to(store, {"a": "1"})
    record = record_path(change.added[0].segment)
    retire(store.objects, record)
    if emptied:
        store.objects.replace(record, EMPTIED)
    with pytest.raises(CommitConflict, match="run the command again"):
        commit(store, change)
    again = put(store, {"a": "1"})
    assert change.added[0].segment not in again.listed
    assert held(again) == expected({"a": "1"}, store.spec)
    assert [e.segment for e in change_to(store, {"a": "1"}).added] == list(again.listed), "whoever wants the same"


@pytest.mark.parametrize("objects_left", [False, True])
def test_a_segment_that_was_vacuumed_and_written_anew_is_left_to_who_wrote_it(
    store: Catalogue, objects_left: bool
) -> None:
    """A vacuum takes records first, and may be stopped before it takes the objects."""
    slow = change_to(store, {"a": "1"})
    entry = slow.added[0]
    doomed = [path for path, _ in store.objects.walk(f"segments/{entry.segment}")]
    store.objects.delete([record_path(entry.segment), *([] if objects_left else doomed)])
    other = change_to(store, {"a": "1"})
    with pytest.raises(CommitConflict, match="segments of this commit are gone: 1"):
        commit(store, slow)
    assert held(commit(store, other)) == expected({"a": "1"}, store.spec)
    assert verify(Objects.open(store.uri), deep=True).findings == ()


def test_a_commit_writes_no_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It does not renew even an old record: another job may write its own between the look and the write."""
    store = Catalogue.create(str(tmp_path / "store"), spec_of())
    change = change_to(store, {"a": "1"})
    os.utime(tmp_path / "store" / record_path(change.added[0].segment), (0, 0))
    put_object, written = Objects.put, []

    def noting(self: Objects, path: str, data: bytes) -> None:
        written.append(path)
        put_object(self, path, data)

    monkeypatch.setattr(Objects, "put", noting)
    commit(store, change)
    assert [path for path in written if path.startswith("segments/")] == []


def test_a_listing_tells_sizes_and_times(store: Catalogue) -> None:
    store.objects.put("some/folder/a", b"123")
    (found,) = store.objects.listing("some")
    assert (found.path, found.size) == ("some/folder/a", 3)
    assert found.written_at == store.objects.written_at("some/folder/a")
    assert found.written_at.tzinfo is not None
    assert store.objects.written_at("some/folder/b") is None
