"""A copy of a live store is consistent, whatever happens beside it, and goes on where it was interrupted."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from encore.featurestore import Catalogue, StoreError, UsageError
from encore.featurestore.errors import SnapshotGone
from encore.featurestore.format.tombstones import retire
from encore.featurestore.history.block_list import block, blocked
from encore.featurestore.history.tags import add_tag, read_tags, remove_tag
from encore.featurestore.history.versions import manifest_path
from encore.featurestore.removal.vacuum import vacuum
from encore.featurestore.rewriting.compaction import compact
from encore.featurestore.rewriting.copies import copy_store
from encore.featurestore.rewriting.deletion import delete
from encore.featurestore.storage.objects import Objects
from encore.featurestore.verification.store import verify
from tests.featurestore.building import held, put
from tests.featurestore.damage import BLOCKED, STORES, history


@pytest.fixture
def store(tmp_path: Path) -> Catalogue:
    return history(str(tmp_path / "store"))


@pytest.fixture
def there(tmp_path: Path) -> str:
    return str(tmp_path / "copy")


def check(store: Catalogue, copy: str) -> None:
    """See that a copy is a whole store that holds what this snapshot does."""
    assert verify(Objects.open(copy), deep=True).findings == ()
    opened = Catalogue.open(copy)
    assert (opened.version, opened.digest(), opened.store_id) == (store.version, store.digest(), store.store_id)
    assert blocked(opened.objects).mask(BLOCKED).all()


@pytest.mark.parametrize("name", STORES)
def test_it_holds_the_newest_snapshot_the_tagged_ones_and_the_block_list(tmp_path: Path, there: str, name: str) -> None:
    store = STORES[name](str(tmp_path / "store"))
    done = copy_store(store.uri, there)
    newest = Catalogue.open(store.uri)
    check(newest, there)
    named = read_tags(newest.objects)
    assert done.tags == tuple(sorted(named))
    assert read_tags(Objects.open(there)) == named
    for tag in named:
        assert Catalogue.open(there, tag).digest() == Catalogue.open(store.uri, tag).digest()
    assert verify(Objects.open(there), deep=True).unreferenced == 0


def test_what_is_there_is_not_copied_again_and_what_is_new_is(store: Catalogue, there: str) -> None:
    first = copy_store(store.uri, there)
    assert (first.there, copy_store(store.uri, there).objects) == (0, 0)
    grown = put(store, {"doc-40": "new"})
    remove_tag(store.objects, "v1")
    add_tag(store.objects, "v1", grown.version)
    grown = delete(grown, ["doc-5"], block=True).store
    again = copy_store(store.uri, there)
    assert 0 < again.objects < first.objects
    check(grown, there)
    assert read_tags(Objects.open(there))["v1"] == grown.version - 1
    assert blocked(Objects.open(there)).mask(["doc-5"]).all()


def test_an_older_snapshot_may_be_asked_for_and_the_copy_brought_up_to_date_then(store: Catalogue, there: str) -> None:
    copy_store(store.uri, there, "first")
    assert (Catalogue.open(there).version, read_tags(Objects.open(there))) == (2, {"first": 2})
    assert Catalogue.open(there).digest() == Catalogue.open(store.uri, 2).digest()
    copy_store(store.uri, there)
    check(store, there)


def test_to_a_bucket_and_back(store: Catalogue, s3_bucket: str, there: str) -> None:
    copy_store(store.uri, f"{s3_bucket}/copy")
    check(store, f"{s3_bucket}/copy")
    copy_store(f"{s3_bucket}/copy", there)
    check(store, there)


class Killed(BaseException):
    """The machine stops."""


def dying(monkeypatch: pytest.MonkeyPatch, at: int) -> None:
    """Stop before the write of that number, and before all after it."""
    left = at

    def wrap(real: Callable[..., object]) -> Callable[..., object]:
        def call(self: Objects, *given: object) -> object:
            nonlocal left
            if left <= 0:
                raise Killed
            left -= 1
            return real(self, *given)

        return call

    for name in ("put", "create"):
        monkeypatch.setattr(Objects, name, wrap(getattr(Objects, name)))


STRIDE = 6


@pytest.mark.parametrize("first", [2, *(pytest.param(n, marks=pytest.mark.soak) for n in (0, 1, 3, 4, 5))])
def test_interrupted_at_any_write_it_is_no_store_or_the_older_copy(
    first: int, store: Catalogue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One run stops at every sixth write from ``first``. All runs together stop at every write."""
    older = str(tmp_path / "older")
    copy_store(store.uri, older)
    before = tmp_path / "before"
    grown = put(store, {"doc-40": "new"})
    add_tag(store.objects, "grown", grown.version)
    newer = put(grown, {"doc-41": "newer"})
    for fresh in (True, False):
        stop_at = first
        while True:
            copy = str(tmp_path / f"{fresh}-{stop_at}")
            if not fresh:
                copy_store(older, copy)
            with monkeypatch.context() as patch:
                dying(patch, stop_at)
                try:
                    copy_store(store.uri, copy)
                except Killed:
                    pass
                else:
                    break
            if fresh:
                with pytest.raises((UsageError, StoreError), match=r"no store here|store\.json: missing"):
                    Catalogue.open(copy)
            else:
                assert verify(Objects.open(copy), deep=True).findings == ()
                assert Catalogue.open(copy).digest() in (store.digest(), grown.digest(), newer.digest())
            copy_store(store.uri, copy)
            check(newer, copy)
            stop_at += STRIDE
        assert stop_at > 3
    assert not before.exists()


def beside(store: Catalogue, monkeypatch: pytest.MonkeyPatch, work: Callable[[], object], times: int = 1) -> None:
    """Let something happen when the copy reads the first object of a segment, so many times."""
    real, left = Objects.get, times

    def get(self: Objects, path: str) -> bytes:
        nonlocal left
        if left and self.uri == store.uri and "/features/c/" in path:
            left -= 1
            held_back, left = left, 0
            work()
            left = held_back
        return real(self, path)

    monkeypatch.setattr(Objects, "get", get)


def test_beside_a_commit_it_is_the_snapshot_that_was_the_newest(
    store: Catalogue, there: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        beside(store, patch, lambda: put(delete(store, ["doc-1"], block=True).store, {"doc-40": "new"}))
        copy_store(store.uri, there)
    check(store, there)
    copy_store(store.uri, there)
    check(Catalogue.open(store.uri), there)


def test_what_a_power_cut_left_short_in_the_copy_is_copied_again(store: Catalogue, there: str) -> None:
    copy_store(store.uri, there)
    copy = Objects.open(there)
    cut = [path for path, _ in copy.walk("segments") if path.endswith("documents.parquet")]
    copy.put(cut[0], copy.get(cut[0])[:-1])
    assert copy_store(store.uri, there).objects == 1
    check(store, there)


def test_a_tagged_snapshot_that_an_interrupted_vacuum_had_begun_to_take_is_copied(store: Catalogue, there: str) -> None:
    """The store reads the snapshot by its tag, and the next vacuum puts it back."""
    retire(store.objects, manifest_path(2))
    want = Catalogue.open(store.uri, "first").digest()
    assert copy_store(store.uri, there).tags == ("first", "v1")
    check(store, there)
    assert Catalogue.open(there, "first").digest() == Catalogue.open(there, 2).digest() == want


@pytest.mark.parametrize("moved", [True, False])
def test_beside_a_tag_that_goes_it_has_no_tag_without_its_snapshot(
    store: Catalogue, there: str, monkeypatch: pytest.MonkeyPatch, moved: bool
) -> None:
    grown = put(store, {"doc-40": "new"})

    def change() -> None:
        remove_tag(store.objects, "v1")
        if moved:
            add_tag(store.objects, "v1", store.version)

    with monkeypatch.context() as patch:
        beside(store, patch, change)
        copy_store(store.uri, there)
    check(grown, there)
    assert read_tags(Objects.open(there)) == {"first": 2, "v1": 4}


def rewrite(store: Catalogue, *, tagged: bool) -> None:
    """Rewrite the store until nothing is left of what its newest snapshot needed."""
    if tagged:
        for name in read_tags(store.objects):
            remove_tag(store.objects, name)
    put(Catalogue.open(store.uri), {"doc-40": "new"})
    compact(Catalogue.open(store.uri))
    for _ in range(2):
        vacuum(store.objects, age_limit=timedelta(0))


@pytest.mark.parametrize("tagged", [True, False])
def test_beside_a_vacuum_it_looks_again(
    store: Catalogue, there: str, monkeypatch: pytest.MonkeyPatch, tagged: bool
) -> None:
    with monkeypatch.context() as patch:
        beside(store, patch, lambda: rewrite(store, tagged=tagged))
        copy_store(store.uri, there)
    check(Catalogue.open(store.uri), there)


def test_a_named_snapshot_that_a_vacuum_takes_is_said_to_be_gone(
    store: Catalogue, there: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        beside(store, patch, lambda: rewrite(store, tagged=True))
        with pytest.raises(SnapshotGone):
            copy_store(store.uri, there, store.version)
    with pytest.raises(UsageError, match="no store here"):
        Catalogue.open(there)


class TestRefusals:
    """A copy is not written over these."""

    def test_another_store(self, store: Catalogue, there: str) -> None:
        history(there)
        before = Catalogue.open(there).digest()
        with pytest.raises(UsageError, match="holds another store"):
            copy_store(store.uri, there)
        assert Catalogue.open(there).digest() == before

    def test_a_copy_that_somebody_has_written_to(self, store: Catalogue, there: str) -> None:
        copy_store(store.uri, there)
        put(Catalogue.open(there), {"doc-50": "here"})
        with pytest.raises(UsageError, match="no older copy"):
            copy_store(store.uri, there)
        put(put(store, {"doc-51": "there"}), {"doc-52": "there"})
        with pytest.raises(UsageError, match="somebody has written to the copy"):
            copy_store(store.uri, there)
        assert "doc-50" in held(Catalogue.open(there))

    def test_the_store_itself_and_predictions(self, store: Catalogue, there: str) -> None:
        with pytest.raises(UsageError, match="is the store itself"):
            copy_store(store.uri, store.uri)
        Objects.open(there, make=True).put("predictions.json", b"{}")
        with pytest.raises(UsageError, match="holds predictions"):
            copy_store(store.uri, there)


@pytest.mark.parametrize("part", ["/features/c/", "/documents.parquet", "segments/", "lists/", "deletions/"])
def test_damage_is_not_copied(store: Catalogue, there: str, part: str) -> None:
    """A copy compares each object of the newest snapshot with its checksum."""
    needed = {path for path, _ in store.objects.walk() if part in path}
    wanted = {entry.attempt for entry in store.entries} | {entry.segment for entry in store.entries}
    wanted |= {part.digest for part in store.manifest.lists} | {entry.deletions or "-" for entry in store.entries}
    path = next(path for path in sorted(needed) if any(name in path for name in wanted))
    data = store.objects.get(path)
    store.objects.put(path, data[:-9] + bytes([data[-9] ^ 1]) + data[-8:])
    with pytest.raises(StoreError, match="damaged"):
        copy_store(store.uri, there)
    with pytest.raises(UsageError, match="no store here"):
        Catalogue.open(there)


def test_a_new_block_list_replaces_the_old(store: Catalogue, there: str) -> None:
    copy_store(store.uri, there)
    store.objects.delete([path for path, _ in store.objects.walk("blocked")])
    block(store.objects, [*BLOCKED, "more"])
    copy_store(store.uri, there)
    assert blocked(Objects.open(there)).mask([*BLOCKED, "more"]).all()
    assert manifest_path(store.version) in dict(Objects.open(there).walk())
