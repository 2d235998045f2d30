"""What is synced, and in which order, by the calls that reach the system."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from encore.featurestore import Catalogue, Change, commit
from encore.featurestore.errors import StoreError
from encore.featurestore.history.versions import EMPTY, VersionLog
from encore.featurestore.segments.entries import SegmentEntry
from encore.featurestore.storage import sync
from encore.featurestore.storage.cache import CachedObjects
from encore.featurestore.storage.objects import Objects
from encore.featurestore.storage.sync import NO_SYNC
from tests.featurestore.building import spec_of, write

SCHEMA = pa.schema([pa.field("key", pa.string(), nullable=False)])


@pytest.fixture(autouse=True)
def without_the_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(NO_SYNC, raising=False)


@pytest.fixture
def events(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """``sync PATH``, ``link PATH`` and ``replace PATH`` below the temporary folder, as they happen."""
    found: list[str] = []
    lock = threading.Lock()

    def name(path: Path | str) -> str:
        return os.path.relpath(path, tmp_path).partition("#")[0]

    def recorded(what: str, call: Callable[..., None]) -> Callable[..., None]:
        def record(source: Path | str, target: Path | str) -> None:
            call(source, target)
            with lock:
                found.append(f"{what} {name(target)}")

        return record

    real = os.fsync

    def fsync(descriptor: int) -> None:
        path = str(Path(f"/proc/self/fd/{descriptor}").readlink())
        real(descriptor)
        with lock:
            found.append(f"sync {name(path)}{'#' if '#' in path else ''}")

    monkeypatch.setattr(os, "fsync", fsync)
    for what in ("link", "replace"):
        monkeypatch.setattr(os, what, recorded(what, getattr(os, what)))
    return found


@pytest.fixture
def objects(tmp_path: Path) -> Objects:
    (tmp_path / "root").mkdir()
    return Objects.open(str(tmp_path / "root"))


def failing(monkeypatch: pytest.MonkeyPatch, number: int, which: Callable[[str], bool]) -> None:
    """A disk that fails to sync these paths, once each: asked again, it says that all is well."""
    failed: set[str] = set()
    real = os.fsync

    def fsync(descriptor: int) -> None:
        path = str(Path(f"/proc/self/fd/{descriptor}").readlink())
        if which(path) and path not in failed:
            failed.add(path)
            raise OSError(number, os.strerror(number))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)


def test_a_put_waits_for_the_barrier_which_syncs_files_and_then_folders(objects: Objects, events: list[str]) -> None:
    objects.put("a/b/x", b"1")
    objects.put("a/y", memoryview(b"2"))
    objects.put("runs/z", b"3", durable=False)
    assert not [event for event in events if event.startswith("sync")]
    events.clear()
    objects.barrier()
    assert sorted(events[:2]) == ["sync root/a/b/x", "sync root/a/y"]
    assert sorted(events[2:]) == ["sync root", "sync root/a", "sync root/a/b"]
    events.clear()
    objects.barrier()
    assert events == []


def test_a_created_file_is_synced_before_it_has_its_name_and_the_folders_after(
    objects: Objects, events: list[str]
) -> None:
    objects.create("tags/a.json", b"1")
    assert events == ["sync root/tags/a.json#", "link root/tags/a.json", "sync root/tags", "sync root"]
    events.clear()
    objects.create("runs/a.json", b"1", durable=False)
    assert events == ["link root/runs/a.json"]


def test_a_name_that_another_writer_took_is_synced_too(objects: Objects, events: list[str]) -> None:
    objects.create("tags/a.json", b"1", durable=False)
    events.clear()
    assert not objects.create("tags/a.json", b"2")
    assert events == ["sync root/tags/a.json#", "sync root/tags", "sync root"]


def test_what_replaces_an_object_is_synced_before_it_has_the_name(objects: Objects, events: list[str]) -> None:
    objects.put("a/x", b"old")
    objects.barrier()
    events.clear()
    objects.replace("a/x", b"new")
    assert events == ["sync root/a/x#", "replace root/a/x"]
    events.clear()
    objects.barrier()
    assert {"sync root/a", "sync root"} < set(events)


def test_a_barrier_syncs_what_others_wrote_and_where_something_was_removed(objects: Objects, events: list[str]) -> None:
    objects.put("theirs/x", b"1", durable=False)
    objects.put("gone/x", b"1", durable=False)
    events.clear()
    objects.barrier(["theirs/x", "theirs/none"])
    assert events[0] == "sync root/theirs/x"
    assert sorted(events[1:]) == ["sync root", "sync root/theirs"]
    events.clear()
    objects.delete(["gone/x"])
    objects.barrier()
    assert "sync root" in events


def test_what_was_removed_since_it_was_written_is_no_error(objects: Objects, events: list[str]) -> None:
    objects.put("a/x", b"1")
    Path(objects.uri, "a/x").unlink()
    objects.barrier()
    assert "sync root/a" in events


def test_folders_that_are_made_for_a_root_last(tmp_path: Path, events: list[str]) -> None:
    Objects.open(str(tmp_path / "a/b/root"), make=True)
    assert sorted(events) == ["sync .", "sync a", "sync a/b"]
    events.clear()
    Objects.open(str(tmp_path / "a/b/root"), make=True)
    assert events == []


def test_a_publish_syncs_all_that_was_written_before_the_manifest_has_its_name(
    objects: Objects, events: list[str]
) -> None:
    objects.put("segments/x", b"mine")
    objects.put("segments/y", b"theirs", durable=False)
    events.clear()
    log = VersionLog(CachedObjects(objects), SCHEMA, ("key",))
    assert log.publish(EMPTY, "encode", {}, pa.table({"key": ["a"]}, SCHEMA), also=["segments/y"]) is not None
    order = {event: place for place, event in enumerate(events)}
    named = order["link root/manifests/00000000000000000001.json"]
    lists = [event for event in events if event.startswith("sync root/lists/")]
    assert len(lists) == 1
    for event in ("sync root/segments/x", "sync root/segments/y", "sync root/segments", "sync root/lists", *lists):
        assert order[event] < named
    assert events[-2:] == ["sync root/manifests", "sync root"]


def test_a_commit_syncs_the_records_of_other_processes_once(tmp_path: Path, events: list[str]) -> None:
    """The writer may have been stopped after it gave the file its name and before the sync of its folder."""
    spec = spec_of()
    record = write(Catalogue.create(str(tmp_path / "root"), spec), {"a": "text", "b": "another"})
    path, manifest = f"sync root/segments/{record.segment}.json", "link root/manifests/{:020d}.json"
    events.clear()
    store = commit(Catalogue.open(str(tmp_path / "root")), Change(0, "encode", [SegmentEntry.of(record)]))
    before = events[: events.index(manifest.format(1))]
    assert {path, "sync root/segments"} <= set(before)
    events.clear()
    commit(store, Change(1, "delete", dropped={record.segment: np.array([0])}))
    assert manifest.format(2) in events
    assert path not in events


def test_without_syncing_nothing_is_synced(
    tmp_path: Path, objects: Objects, events: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(NO_SYNC, "1")
    Objects.open(str(tmp_path / "a/b/root"), make=True)
    objects.put("a/x", b"1")
    objects.create("a/y", b"1")
    objects.replace("a/x", b"2")
    objects.delete(["a/y"])
    objects.barrier(["a/x"])
    assert not [event for event in events if event.startswith("sync")]


class TestADiskThatFails:
    def test_a_barrier_says_so_and_says_so_again(self, objects: Objects, monkeypatch: pytest.MonkeyPatch) -> None:
        objects.put("a/x", b"1")
        failing(monkeypatch, errno.EIO, os.path.isfile)
        for _ in range(2):
            with pytest.raises(StoreError, match=r"root/a/x: written, and may be lost: Input/output error; check"):
                objects.barrier()
        objects.put("a/y", b"1")
        with pytest.raises(StoreError, match=r"a/x: written, and may be lost"):
            objects.barrier()

    def test_nothing_is_published(self, objects: Objects, monkeypatch: pytest.MonkeyPatch) -> None:
        failing(monkeypatch, errno.ENOSPC, os.path.isfile)
        log = VersionLog(objects, SCHEMA, ("key",))
        for _ in range(2):
            with pytest.raises(StoreError, match=r"No space left on device; make room, and run the command again"):
                log.publish(EMPTY, "encode", {}, SCHEMA.empty_table())
        assert log.latest() == EMPTY

    def test_a_created_file_is_not_there(self, objects: Objects, monkeypatch: pytest.MonkeyPatch) -> None:
        failing(monkeypatch, errno.EIO, os.path.isfile)
        with pytest.raises(StoreError, match=r"tags/a.json: storage refused: Input/output error"):
            objects.create("tags/a.json", b"1")
        assert list(Path(objects.uri, "tags").iterdir()) == []

    def test_a_manifest_whose_name_may_be_lost_is_not_published(
        self, objects: Objects, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        failing(monkeypatch, errno.EIO, lambda path: path.endswith("/manifests"))
        log = VersionLog(objects, SCHEMA, ("key",))
        with pytest.raises(StoreError, match=r"manifests: written, and may be lost: Input/output error"):
            log.publish(EMPTY, "encode", {}, SCHEMA.empty_table())

    @pytest.mark.parametrize("number", sorted(sync.NO_FOLDER_SYNC))
    def test_one_that_cannot_sync_folders_is_taken(
        self, number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        failing(monkeypatch, number, os.path.isdir)
        objects = Objects.open(str(tmp_path / "new/root"), make=True)
        objects.put("a/x", b"1")
        objects.barrier()
        assert objects.create("a/y", b"1")


def test_a_barrier_waits_for_what_another_thread_has_begun_to_sync(
    objects: Objects, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, returned = threading.Event(), threading.Event()
    order: list[str] = []
    real = os.fsync

    def fsync(descriptor: int) -> None:
        begun.set()
        # A second barrier that does not wait finds nothing to do, and returns at once.
        returned.wait(0.2)
        real(descriptor)
        order.append("synced")

    def second() -> None:
        objects.barrier()
        order.append("returned")
        returned.set()

    monkeypatch.setattr(os, "fsync", fsync)
    objects.put("x", b"1")
    threads = [threading.Thread(target=objects.barrier), threading.Thread(target=second)]
    threads[0].start()
    assert begun.wait(60)
    threads[1].start()
    for thread in threads:
        thread.join(60)
    assert order == ["synced", "synced", "returned"]


def test_an_interrupted_barrier_leaves_it_all_to_the_next(
    objects: Objects, events: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(path: Path) -> None:
        raise KeyboardInterrupt

    objects.put("a/x", b"1")
    with monkeypatch.context() as patch:
        patch.setattr(sync, "sync_file", interrupted)
        with pytest.raises(KeyboardInterrupt):
            objects.barrier()
    objects.barrier()
    assert "sync root/a/x" in events
