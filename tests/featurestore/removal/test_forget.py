"""After forgetting, no byte of a store says anything about a document that is not live."""

from __future__ import annotations

import io
import itertools
import json
import os
import shutil
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from obstore.store import MemoryStore

from encore.featurestore import Catalogue, Change, CommitConflict, FeatureSpec, UsageError, commit
from encore.featurestore.documents.ids import key_hashes, text_digests
from encore.featurestore.format import seal
from encore.featurestore.format.tombstones import EMPTIED
from encore.featurestore.history import version_log
from encore.featurestore.history.block_list import blocked
from encore.featurestore.history.tags import add_tag, remove_tag
from encore.featurestore.history.versions import EMPTY
from encore.featurestore.removal import sweep
from encore.featurestore.removal.forget import ForgetReport, remove_forgotten, rewrite
from encore.featurestore.rewriting.deletion import delete
from encore.featurestore.segments.entries import SegmentEntry
from encore.featurestore.segments.records import record_path
from encore.featurestore.storage.objects import Objects
from encore.featurestore.verification.store import verify
from tests.featurestore.building import change_to, expected, features_of, held, put, spec_of, write
from tests.raw_bytes import all_files, traces

GONE = {"zz-erika.mustermann@example.org": "the text of Erika", "aa-john.doe@example.org": "the text of John"}
"""Ids at both ends of the order, so that they are the minimum and maximum of column statistics."""
OLD_TEXT = "what document-3 said before"
KEPT_VALUE = "Lindenstraße 4"
LIVE = {f"document-{number}": f"text {number}" for number in range(12)}


def spec() -> FeatureSpec:
    """256 wide, so that no two texts share a row by chance."""
    return spec_of(width=256)


@pytest.fixture(params=["local", "s3", "memory"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Catalogue:
    if request.param == "memory":
        return memory_store()
    root = str(tmp_path) if request.param == "local" else str(request.getfixturevalue("s3_bucket"))
    return Catalogue.create(f"{root}/store", spec())


@pytest.fixture
def local(tmp_path: Path) -> Catalogue:
    return Catalogue.create(str(tmp_path / "store"), spec())


def memory_store() -> Catalogue:
    document = {"format": "encore-store", "format_version": 1, "store_id": "a", "fingerprint": spec().fingerprint}
    objects = Objects(MemoryStore(), "memory")
    objects.put("store.json", seal({**document, "spec": spec().to_dict(), "created_by": {}}))
    return Catalogue(objects, spec(), EMPTY)


def needles(texts: Mapping[str, str]) -> dict[str, bytes]:
    """What must not be found of these documents: id, key hash, text digest, packed rows; digests in hex, too."""
    found = {}
    for doc_id, text in texts.items():
        digest = text_digests(pa.array([text]))[0].as_py()
        key = key_hashes(pa.array([doc_id]))[0].as_py()
        found |= {
            f"id {doc_id}": doc_id.encode(),
            f"digest of {text}": digest,
            f"hex digest of {text}": digest.hex().encode(),
            f"key of {doc_id}": key,
            f"hex key of {doc_id}": key.hex().encode(),
            f"features of {text}": features_of(text, spec()).tobytes(),
        }
    return found


def lifetime(store: Catalogue) -> Catalogue:
    """A store that has seen a lot, with the documents of `GONE` and an old text of document-3 in all its corners."""
    for number in range(0, 12, 4):
        texts = {name: text for name, text in LIVE.items() if number <= int(name.split("-")[1]) < number + 4}
        if number == 0:
            texts["document-3"] = OLD_TEXT
            texts |= {name: f"an earlier {text}" for name, text in GONE.items()}
        store = with_column(store, texts, codec="none" if number < 8 else "zstd")
    store = put(store, GONE)
    store = put(store, {"document-3": LIVE["document-3"]})
    dead_letters(store, f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-00000001", list(GONE))
    return store


def with_column(store: Catalogue, texts: Mapping[str, str], codec: str) -> Catalogue:
    """A commit of documents with a kept column, dictionary-encoded, as a corpus may have it."""
    values = pa.array([KEPT_VALUE if name in GONE else "elsewhere" for name in texts]).dictionary_encode()
    entry = SegmentEntry.of(write(store, texts, {"street": values}, codec=codec))
    return commit(store, Change(store.version, "encode", [entry]))


def dead_letters(
    store: Catalogue, run: str, ids: list[str], report: bytes | None = b'{"failures": {"0": "GONE"}}'
) -> None:
    """A run's folder as encode leaves it, with dead letters of these documents."""
    digests = text_digests(pa.array([GONE.get(name, name) for name in ids]))
    sink = io.BytesIO()
    pq.write_table(pa.table({"doc_id": ids, "text_digest": digests}), sink, compression="zstd")
    store.objects.put(f"runs/{run}/dead-letters/00000000.parquet", sink.getvalue())
    store.objects.put(f"runs/{run}/outcomes/00000000.json", json.dumps({"failure": ids[0]}).encode())
    if report is not None:
        store.objects.put(f"runs/{run}/report.json", report.replace(b"GONE", ids[0].encode()))


def newest(store: Catalogue) -> Catalogue:
    return store.newest()


def forget_all(store: Catalogue, age_limit: timedelta = timedelta(days=7)) -> ForgetReport:
    rewrite(store)
    return remove_forgotten(store, age_limit=age_limit)


ALL_GONE = {
    **needles(GONE),
    **needles({name: f"an earlier {text}" for name, text in GONE.items()}),
    **{name: value for name, value in needles({"-": OLD_TEXT}).items() if " -" not in name},
    "kept column": KEPT_VALUE.encode(),
}


def nothing_left(store: Catalogue) -> bool:
    return not traces(all_files(store.objects), ALL_GONE)


def clean(store: Catalogue) -> bool:
    return not verify(Objects.open(store.uri), deep=True).findings


class TestNothingIsLeft:
    def test_of_deleted_and_superseded_documents(self, empty: Catalogue) -> None:
        store = lifetime(empty)
        delete(newest(store), list(GONE), block=True)
        before = traces(all_files(store.objects), ALL_GONE)
        assert {name for name, _ in before} >= {name for name in ALL_GONE if "hex" not in name}
        assert {path.partition("/")[0] for _, path in before} == {"segments", "runs"}

        done = forget_all(newest(store))

        assert done.complete
        assert nothing_left(store)
        assert held(newest(store)) == expected(LIVE, spec())
        assert len(blocked(store.objects)) == 2
        if store.uri != "memory":
            assert clean(store)
            assert verify(Objects.open(store.uri)).snapshots == done.kept

    def test_of_superseded_texts_alone(self, local: Catalogue) -> None:
        store = lifetime(local)
        assert forget_all(store).complete
        found = {name for name, _ in traces(all_files(store.objects), ALL_GONE)}
        assert found
        assert not any(OLD_TEXT in name or "earlier" in name for name in found)
        assert held(newest(store)) == expected(LIVE | GONE, spec())

    def test_of_a_store_of_which_everything_is_deleted(self, local: Catalogue) -> None:
        store = put(local, GONE)
        delete(store, list(GONE))
        assert forget_all(newest(store)).complete
        assert nothing_left(store)
        assert len(newest(store)) == 0
        assert clean(store)

    def test_what_is_live_can_be_added_to_and_forgotten_from_again(self, local: Catalogue) -> None:
        store = lifetime(local)
        delete(newest(store), list(GONE))
        forget_all(newest(store))
        store = put(newest(store), {"new": "a new text", "document-7": "changed"})
        assert forget_all(store).complete
        assert held(newest(store)) == expected(LIVE | {"new": "a new text", "document-7": "changed"}, spec())
        assert clean(store)

    def test_a_second_time_changes_no_segment(self, local: Catalogue) -> None:
        store = lifetime(local)
        delete(newest(store), list(GONE))
        forget_all(newest(store))
        there = {path for path, _ in store.objects.walk("segments")}
        again = forget_all(newest(store))
        assert again.complete
        assert {path for path, _ in store.objects.walk("segments")} == there
        assert clean(store)

    def test_a_dry_run_changes_nothing_and_names_what_goes(self, local: Catalogue) -> None:
        store = lifetime(local)
        delete(newest(store), list(GONE))
        before = all_files(store.objects)
        rewrite(newest(store), dry_run=True)
        would = remove_forgotten(newest(store), dry_run=True)
        assert all_files(store.objects) == before
        done = forget_all(newest(store))
        left = {path for path, data in all_files(store.objects).items() if data != EMPTIED}
        assert paths(would) == paths(done) == before.keys() - left
        assert would.complete


def paths(done: ForgetReport) -> set[str]:
    return {stored.path for found in done.removed.values() for stored in found}


class TestTags:
    def test_a_tag_that_holds_documents_is_named_and_stays_readable(self, empty: Catalogue) -> None:
        store = lifetime(empty)
        tagged = held(newest(store))
        add_tag(store.objects, "paper", newest(store).version)
        add_tag(store.objects, "thesis", 1)
        delete(newest(store), list(GONE))

        done = forget_all(newest(store))

        # The paper's segments have both documents twice, and the old text of document-3; the thesis's have them once.
        assert done.tags == {"paper": 5, "thesis": 3}
        assert not done.complete
        log = version_log(store.objects)
        assert held(Catalogue(store.objects, store.spec, log.at(5))) == tagged
        assert held(newest(store)) == expected(LIVE, spec())
        if store.uri != "memory":
            assert clean(store)
        assert not {path for _, path in traces(all_files(store.objects), ALL_GONE) if path.startswith("runs")}

        remove_tag(store.objects, "thesis")
        assert forget_all(newest(store)).tags == {"paper": 5}
        remove_tag(store.objects, "paper")
        assert forget_all(newest(store)).complete
        assert nothing_left(store)

    def test_a_tag_that_holds_live_documents_alone_is_none_to_name(self, local: Catalogue) -> None:
        store = put(put(local, {"a": "1"}), {"b": "2"})
        add_tag(store.objects, "before", 1)
        store = put(store, GONE)
        delete(store, list(GONE))
        done = forget_all(newest(store))
        assert (done.complete, done.kept[0]) == (True, 1)
        assert nothing_left(store)
        assert clean(store)


def running(store: Catalogue, hours: float = 0) -> str:
    """The folder of a run that has begun and not ended."""
    began = datetime.now(UTC) - timedelta(hours=hours)
    run = f"{began:%Y%m%dT%H%M%SZ}-0000beef"
    store.objects.put(f"runs/{run}/started.json", b"{}")
    return run


class TestJobsAtWork:
    def test_a_job_commits_what_it_wrote_and_the_next_time_it_is_forgotten(self, local: Catalogue) -> None:
        store = put(local, LIVE)
        run = running(store)
        base = newest(store)
        change = change_to(base, GONE | {"document-1": "changed"})
        store = put(base, {"document-2": OLD_TEXT})
        store = put(store, {"document-2": LIVE["document-2"]})
        delete(store, list(GONE), block=True)

        done = forget_all(newest(store))

        assert not done.complete
        assert [sign.name for sign in done.at_work] == [store.objects.name(f"runs/{run}")]
        assert base.version in done.kept
        assert not nothing_left(store)
        after = commit(base, change)
        assert held(after) == expected(LIVE | {"document-1": "changed"}, spec())
        assert not nothing_left(store)
        assert clean(store)

        store.objects.put(f"runs/{run}/report.json", b"{}")
        assert forget_all(after).complete
        assert nothing_left(store)
        assert clean(store)
        assert list(store.objects.walk("runs")) == []

    @pytest.mark.parametrize(("hours", "age_limit", "complete"), [(20, 24, False), (30, 24, True), (0, 0, True)])
    def test_a_run_without_a_report_counts_within_the_age_limit(
        self, local: Catalogue, hours: float, age_limit: float, complete: bool
    ) -> None:
        store = put(local, GONE)
        running(store, hours)
        delete(store, list(GONE))
        done = forget_all(newest(store), timedelta(hours=age_limit))
        assert done.complete is complete
        assert nothing_left(store) is complete

    def test_segments_that_wait_for_a_rerun_with_a_higher_limit_stay(self, local: Catalogue) -> None:
        store = put(local, LIVE)
        run = running(store)
        record = write(store, {"waiting": "for a rerun"})
        store.objects.put(f"runs/{run}/report.json", b'{"dead_letters": {"within": false}}')
        assert not forget_all(newest(store)).complete
        assert store.objects.size(record_path(record.segment)) is not None
        store.objects.put(f"runs/{run}/report.json", b'{"dead_letters": {"within": true}}')
        assert forget_all(newest(store)).complete
        assert list(store.objects.walk(f"segments/{record.segment}")) == []

    def test_an_attempt_that_nobody_finished_is_named_until_it_is_old(self, local: Catalogue) -> None:
        store = put(local, LIVE)
        record = write(store, GONE)
        store.objects.delete([record_path(record.segment)])
        done = forget_all(newest(store))
        assert [sign.name for sign in done.at_work] == [store.objects.name(f"segments/{record.segment}")]
        assert not nothing_left(store)
        then = time.time() - 8 * 86400
        for path, _ in store.objects.walk(f"segments/{record.segment}"):
            os.utime(Path(store.uri) / path, (then, then))
        assert forget_all(newest(store)).complete
        assert nothing_left(store)

    def test_a_file_whose_write_was_cut_off_is_found_though_no_listing_shows_it(self, local: Catalogue) -> None:
        store = put(local, LIVE)
        staged = Path(store.uri) / "segments" / "documents.parquet#1"
        staged.write_bytes(b"".join(needles(GONE).values()))
        assert not nothing_left(store)
        assert [sign.name for sign in forget_all(newest(store)).at_work] == [str(staged)]
        assert staged.exists()
        done = forget_all(newest(store), timedelta(0))
        assert done.staged == [staged]
        assert nothing_left(store)

    def test_what_is_deleted_while_it_runs_is_said(self, local: Catalogue) -> None:
        store = put(local, LIVE | GONE)
        rewrite(store)
        delete(newest(store), list(GONE))
        done = remove_forgotten(newest(store))
        assert (done.deleted_meanwhile, done.complete) == (2, False)
        assert clean(store)


def unseen(monkeypatch: pytest.MonkeyPatch, store: Catalogue, change: Change) -> None:
    """Commit as a writer that saw its segments in storage before a removal took them."""
    with monkeypatch.context() as patch:
        patch.setattr(import_module("encore.featurestore.commits.publication"), "require_present", lambda *_: None)
        commit(store, change)


class TestCommitsAtTheSameMoment:
    def test_what_is_listed_before_the_fence_keeps_its_record(
        self, local: Catalogue, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store = put(local, LIVE)
        change = change_to(store, {"late": "but in time"})
        fence = sweep._publish_nothing

        def overtaken(*arguments: Any) -> None:
            unseen(monkeypatch, store, change)
            fence(*arguments)

        monkeypatch.setattr(sweep, "_publish_nothing", overtaken)
        forget_all(store)
        assert held(newest(store)) == expected(LIVE | {"late": "but in time"}, spec())
        assert clean(store)

    def test_what_comes_after_it_is_told_so(self, local: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
        store = put(local, LIVE)
        change = change_to(store, {"late": "too late"})
        fence = sweep._publish_nothing

        def first(*arguments: Any) -> None:
            fence(*arguments)
            with pytest.raises(CommitConflict, match="gone"):
                commit(store, change)

        monkeypatch.setattr(sweep, "_publish_nothing", first)
        assert forget_all(store).complete
        assert held(newest(store)) == expected(LIVE, spec())
        assert clean(store)

    def test_a_removal_that_stopped_before_the_fence_is_undone_where_a_commit_was_faster(
        self, local: Catalogue, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store = put(local, LIVE)
        change = change_to(store, {"late": "but in time"})

        def stops(*_arguments: Any) -> None:
            unseen(monkeypatch, store, change)
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(sweep, "_publish_nothing", stops)
            with pytest.raises(KeyboardInterrupt):
                forget_all(store)
        assert clean(store), "what is listed is read through its tombstone"
        assert held(newest(store)) == expected(LIVE | {"late": "but in time"}, spec())
        assert forget_all(newest(store)).complete
        assert held(newest(store)) == expected(LIVE | {"late": "but in time"}, spec())
        assert clean(store)


class InterruptedObjects(Objects):
    """Objects that fail for ever once so many changes are made."""

    def __init__(self, objects: Objects, changes: int) -> None:
        super().__init__(objects.raw, objects.uri)
        self.left = changes

    def _count(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt

    def put(self, path: str, data: bytes | memoryview, *, durable: bool = True) -> None:
        self._count()
        super().put(path, data, durable=durable)

    def replace(self, path: str, data: bytes) -> None:
        self._count()
        super().replace(path, data)

    def create(self, path: str, data: bytes, *, durable: bool = True) -> bool:
        self._count()
        return super().create(path, data, durable=durable)

    def delete(self, paths: Iterable[str]) -> None:
        for path in paths:
            self._count()
            super().delete([path])


def short_life(store: Catalogue) -> Catalogue:
    """One segment, of which half is gone."""
    store = put(store, LIVE | GONE | {"document-3": OLD_TEXT})
    store = put(store, {"document-3": LIVE["document-3"]})
    dead_letters(store, f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-00000001", list(GONE))
    return store


@pytest.mark.parametrize(
    ("life", "stride"),
    [(short_life, 3), *(pytest.param(life, 1, marks=pytest.mark.soak) for life in (short_life, lifetime))],
)
def test_whatever_it_is_interrupted_at_a_second_call_finishes_it(
    local: Catalogue, tmp_path: Path, life: Callable[[Catalogue], Catalogue], stride: int
) -> None:
    store = life(local)
    write(store, {"never listed": "nor asked for again"})
    delete(newest(store), list(GONE))
    finished = False
    for changes in itertools.count(step=stride):
        copy = tmp_path / f"copy-{changes}"
        shutil.copytree(store.uri, copy)
        opened = Catalogue.open(str(copy))
        try:
            forget_all(Catalogue(InterruptedObjects(opened.objects, changes), opened.spec, opened.manifest))
            finished = True
        except KeyboardInterrupt:
            assert held(newest(opened)) == expected(LIVE, spec())
            assert clean(opened)
        assert forget_all(newest(opened)).complete
        assert nothing_left(opened)
        assert held(newest(opened)) == expected(LIVE, spec())
        assert clean(opened)
        shutil.rmtree(copy)
        if finished:
            break
    assert changes > 30


def test_a_negative_age_limit_is_refused(local: Catalogue) -> None:
    with pytest.raises(UsageError, match="negative"):
        forget_all(local, timedelta(-1))
