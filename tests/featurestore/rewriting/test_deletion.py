"""A deletion takes away what it names, wherever that lies when it lands, and nothing else."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from encore.featurestore import Catalogue, DataError, commit
from encore.featurestore.history.block_list import BlockList, blocked
from encore.featurestore.history.versions import VersionLog
from encore.featurestore.rewriting.compaction import compact
from encore.featurestore.rewriting.deletion import delete
from encore.featurestore.segment_indexes import SegmentIndexes
from encore.featurestore.segments.entries import SegmentEntry
from encore.featurestore.storage.objects import Objects
from tests.featurestore.building import change_to, expected, held, put, spec_of

TEXTS = {f"doc-{i}": f"text {i}" for i in range(6)}


@pytest.fixture(params=["local", "s3"])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return str(tmp_path) if request.param == "local" else str(request.getfixturevalue("s3_bucket"))


@pytest.fixture
def store(tmp_path: Path) -> Catalogue:
    return put(Catalogue.create(str(tmp_path / "store"), spec_of()), TEXTS)


def without(*doc_ids: str) -> dict[str, str]:
    return {doc_id: text for doc_id, text in TEXTS.items() if doc_id not in doc_ids}


def holds(store: Catalogue, texts: dict[str, str]) -> bool:
    """Whether the newest snapshot, opened anew, holds these texts and no more."""
    opened = Catalogue.open(store.uri)
    assert opened.manifest.counts["documents"] == len(opened) == opened.documents().num_rows
    return held(opened) == expected(texts, store.spec)


def test_the_life_of_a_deletion(root: str) -> None:
    store = put(Catalogue.create(f"{root}/store", spec_of()), TEXTS)
    store = put(store, {"more": "x"})
    done = delete(store, ["doc-1", "doc-4", "more"])
    assert (done.deleted, done.not_stored, done.missing, done.blocked, done.snapshot) == (3, 0, (), 0, 3)
    assert holds(store, without("doc-1", "doc-4"))
    assert done.store.manifest.operation == "delete"
    assert held(Catalogue.open(store.uri, 2)) == expected(TEXTS | {"more": "x"}, store.spec)

    done = delete(done.store, ["doc-1", "doc-2", "never"], block=True)
    assert (done.deleted, done.not_stored, done.missing, done.blocked) == (1, 2, ("doc-1", "never"), 3)
    assert blocked(store.objects).mask(["doc-1", "doc-2", "never", "doc-3"]).tolist() == [True, True, True, False]
    assert holds(put(done.store, {"doc-1": "text 1", "doc-4": "back"}), without("doc-1", "doc-2") | {"doc-4": "back"})


def test_a_document_that_came_back_under_the_name_of_a_segment_that_had_left_is_found(tmp_path: Path) -> None:
    """The segment was dead in the snapshot that the deletion began from, left the list, and was listed anew."""
    store = put(Catalogue.create(str(tmp_path / "store"), spec_of()), {"a": "1"})
    began = put(store, {"a": "2", "b": "3"})
    compact(began)
    back = put(Catalogue.open(began.uri), {"a": "1"})
    assert [entry.segment for entry in back.entries][-1] == store.entries[0].segment
    assert delete(began, ["a"]).deleted == 1
    assert set(held(Catalogue.open(store.uri))) == {"b"}


class TestOneWriter:
    def test_an_id_counts_once(self, store: Catalogue) -> None:
        done = delete(store, pa.chunked_array([["doc-1", "doc-1"], ["none", "none", "doc-1"]]))
        assert (done.deleted, done.not_stored, done.missing) == (1, 1, ("none",))

    def test_what_is_gone_publishes_nothing(self, store: Catalogue) -> None:
        done = delete(store, ["a", "b", "c", "d", "e", "f"])
        assert (done.deleted, done.not_stored, done.missing) == (0, 6, ("a", "b", "c", "d", "e", "f"))
        assert done.snapshot == Catalogue.open(store.uri).version == 1
        assert delete(store, []).snapshot == 1
        assert delete(store, [], block=True).snapshot == 1

    def test_everything_may_go_and_come_back(self, store: Catalogue) -> None:
        done = delete(store, list(TEXTS))
        assert (done.deleted, len(done.store)) == (6, 0)
        assert holds(put(done.store, TEXTS), TEXTS)

    def test_an_empty_store_has_nothing_to_delete(self, tmp_path: Path) -> None:
        empty = Catalogue.create(str(tmp_path / "empty"), spec_of())
        assert (delete(empty, ["a"]).not_stored, Catalogue.open(empty.uri).version) == (1, 0)
        done = delete(empty, ["a"], block=True)
        assert (done.not_stored, done.blocked, len(done.store)) == (1, 1, 0)
        assert holds(put(done.store, {"a": "x", "b": "y"}), {"b": "y"})

    def test_strict_changes_nothing_where_an_id_is_missing(self, store: Catalogue) -> None:
        before = sorted(store.objects.walk())
        with pytest.raises(DataError, match=r"2 of 3 ids are not stored, for example x, y; nothing was changed"):
            delete(store, ["doc-1", "x", "y"], block=True, strict=True)
        assert sorted(store.objects.walk()) == before
        assert delete(store, ["doc-1"], strict=True).deleted == 1

    def test_a_null_is_no_id(self, store: Catalogue) -> None:
        with pytest.raises(DataError, match="1 of 2 ids are null"):
            delete(store, pa.array(["doc-1", None]))


class TestBlocking:
    def test_blocking_again_blocks_and_publishes_nothing(self, store: Catalogue) -> None:
        first = delete(store, ["doc-1", "new"], block=True)
        again = delete(first.store, ["doc-1", "new"], block=True)
        assert (first.snapshot, first.blocked, again.snapshot, again.blocked) == (2, 2, 2, 0)

    def test_a_crash_between_list_and_commit_is_mended_by_the_same_command(
        self, store: Catalogue, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def crash(*_: object) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patched:
            patched.setattr("encore.featurestore.rewriting.deletion.commit_on_head", crash)
            with pytest.raises(KeyboardInterrupt):
                delete(store, ["doc-1", "new"], block=True)
        done = delete(store, ["doc-1", "new"], block=True)
        assert (done.deleted, done.blocked, done.snapshot) == (1, 0, 2)
        assert holds(store, without("doc-1"))

    @pytest.mark.parametrize("ids", [["new"], ["new", "doc-1"], ["new", "other"]])
    def test_a_job_that_had_read_the_block_list_before_looks_again(
        self, store: Catalogue, ids: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # The other job's look at the list comes before the block, its commit after it.
        change = change_to(store, {"new": "x", "other": "y", "doc-1": "changed"})
        looked = []

        def look(objects: Objects, known: BlockList) -> BlockList:
            seen = blocked(objects, known)
            if not looked:
                looked.append(True)
                delete(store, ids, block=True)
            return seen

        # The package exports a function of the module's name.
        monkeypatch.setattr(sys.modules["encore.featurestore.commits.publication"], "blocked", look)
        commit(store, change)
        wanted = TEXTS | {"new": "x", "other": "y", "doc-1": "changed"}
        assert holds(store, {doc_id: text for doc_id, text in wanted.items() if doc_id not in ids})

    def test_a_segment_of_blocked_documents_alone_is_not_listed(self, store: Catalogue) -> None:
        change = change_to(store, {"new": "x"})
        done = delete(store, ["new"], block=True)
        assert commit(store, change).version == done.snapshot
        assert [entry.documents for entry in Catalogue.open(store.uri).entries] == [6]

    def test_the_counts_of_a_snapshot_say_how_many_are_blocked(self, store: Catalogue) -> None:
        assert "blocked" not in store.manifest.counts
        assert delete(store, ["doc-1", "new"], block=True).store.manifest.counts["blocked"] == 2


class TestTwoWriters:
    def test_a_document_superseded_meanwhile_is_deleted_in_its_new_segment(self, store: Catalogue) -> None:
        put(store, {"doc-2": "changed", "new": "x"})
        assert delete(store, ["doc-2", "doc-3"]).deleted == 2
        assert holds(store, without("doc-2", "doc-3") | {"new": "x"})

    def test_a_document_added_meanwhile_is_deleted(self, store: Catalogue) -> None:
        put(store, {"new": "x"})
        done = delete(store, ["new"])
        assert (done.deleted, done.not_stored) == (1, 0)
        assert holds(store, TEXTS)

    def test_an_update_that_lands_after_the_deletion_stays(self, store: Catalogue) -> None:
        change = change_to(store, {"doc-2": "changed"})
        delete(store, ["doc-2"])
        commit(store, change)
        assert holds(store, TEXTS | {"doc-2": "changed"})

    def test_two_deletions_of_one_segment_both_count(self, store: Catalogue) -> None:
        first, second = delete(store, ["doc-1", "doc-2"]), delete(store, ["doc-2", "doc-3", "doc-4"])
        assert (first.deleted, second.deleted, second.not_stored) == (2, 2, 1)
        assert holds(store, without("doc-1", "doc-2", "doc-3", "doc-4"))

    def test_a_deletion_of_what_somebody_else_deleted_is_no_snapshot(self, store: Catalogue) -> None:
        delete(store, ["doc-1"])
        assert (delete(store, ["doc-1"]).deleted, Catalogue.open(store.uri).version) == (0, 2)

    def test_segments_of_the_base_are_looked_at_once_however_often_it_tries(
        self, store: Catalogue, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        looked_at: list[int] = []
        positions_of, publish = SegmentIndexes.positions_of, VersionLog.publish

        def counted(self: SegmentIndexes, keys: Any, entries: Sequence[SegmentEntry]) -> Any:
            looked_at.append(sum(entry.documents for entry in entries))
            return positions_of(self, keys, entries)

        def somebody_was_faster(self: VersionLog, *arguments: Any) -> Any:
            monkeypatch.setattr(VersionLog, "publish", publish)
            put(store, {"new": "x"})

        monkeypatch.setattr(SegmentIndexes, "positions_of", counted)
        monkeypatch.setattr(VersionLog, "publish", somebody_was_faster)
        assert delete(store, ["doc-1", "new"]).deleted == 2
        assert looked_at == [6, 0, 1]


class TestManyWriters:
    def test_what_is_blocked_stays_out_whoever_writes(self, store: Catalogue) -> None:
        texts = {name: name for name in ("a", "b", "c")}

        def work(writer: int) -> None:
            for step in range(4):
                wanted = dict.fromkeys(texts, f"{writer} {step}") | {f"{writer}-{step}": "x"}
                commit(store, change_to(Catalogue.open(store.uri), wanted))

        with ThreadPoolExecutor(4) as pool:
            jobs = [pool.submit(work, writer) for writer in range(3)]
            jobs.append(pool.submit(delete, store, ["a", "b", "doc-0"], block=True))
            for job in jobs:
                job.result()
        opened = Catalogue.open(store.uri)
        assert set(held(opened)) == set(without("doc-0")) | {"c"} | {f"{w}-{s}" for w in range(3) for s in range(4)}

    def test_deletions_at_once_lose_nothing(self, store: Catalogue) -> None:
        with ThreadPoolExecutor(6) as pool:
            done = list(pool.map(lambda i: delete(store, [f"doc-{i}", f"doc-{(i + 1) % 6}"]), range(5)))
        assert sum(one.deleted for one in done) == 6
        assert holds(store, {})
