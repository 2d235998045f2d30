"""Commits of many writers end in one correct store: nothing is lost, and no document lives twice."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import count
from pathlib import Path

import numpy as np
import pytest

from encore.featurestore import Catalogue, Change, CommitConflict, StoreError, commit
from encore.featurestore.history.versions import VersionLog
from encore.featurestore.rewriting.compaction import compact
from encore.featurestore.segments.entries import ENTRY_SCHEMA, SegmentEntry, entries_of, entry_table, snapshot_counts
from encore.featurestore.storage.cache import CachedObjects
from encore.featurestore.storage.objects import Objects
from tests.featurestore.building import change_to, expected, held, put, spec_of, write

TEXTS = {f"doc-{i}": f"text {i}" for i in range(6)}


@pytest.fixture(params=["local", "s3"])
def either_store(request: pytest.FixtureRequest, tmp_path: Path) -> Catalogue:
    root = str(tmp_path) if request.param == "local" else str(request.getfixturevalue("s3_bucket"))
    return Catalogue.create(f"{root}/store", spec_of())


@pytest.fixture
def store(tmp_path: Path) -> Catalogue:
    return Catalogue.create(str(tmp_path / "store"), spec_of())


def holds(store: Catalogue, texts: dict[str, str]) -> bool:
    """Whether the newest snapshot, opened anew, holds these texts and no more, by its rows and by its counts."""
    opened = Catalogue.open(store.uri)
    assert opened.manifest.counts["documents"] == len(opened) == len(opened.keys) == opened.documents().num_rows
    return held(opened) == expected(texts, store.spec)


class TestOneWriter:
    def test_a_change_of_nothing_publishes_nothing(self, store: Catalogue) -> None:
        store = put(store, TEXTS)
        assert put(store, TEXTS).version == 1
        assert commit(store, Change(1, "encode", (), {store.entries[0].segment: np.empty(0, np.int64)})).version == 1
        assert len(store.objects.get("manifests/00000000000000000001.json")) > 0
        assert store.objects.size("manifests/00000000000000000002.json") is None

    def test_a_changed_text_supersedes_the_old_one(self, store: Catalogue) -> None:
        store = put(put(store, TEXTS), {"doc-2": "changed"})
        assert holds(store, {**TEXTS, "doc-2": "changed"})
        assert [(entry.documents, entry.deleted) for entry in store.entries] == [(6, 1), (1, 0)]

    @pytest.mark.parametrize("changed", [["doc-2"], ["doc-0", "doc-5"], list(TEXTS)])
    def test_a_text_that_changed_and_changed_back_is_there(self, store: Catalogue, changed: list[str]) -> None:
        store = put(store, TEXTS)
        for _ in range(3):
            store = put(store, dict.fromkeys(changed, "another"))
            assert holds(store, TEXTS | dict.fromkeys(changed, "another"))
            store = put(store, TEXTS)
            assert holds(store, TEXTS)
        assert store.digest() == Catalogue.open(store.uri, 1).digest()

    def test_a_document_that_was_pruned_may_return(self, store: Catalogue) -> None:
        store = put(put(store, TEXTS), {}, prune=frozenset(TEXTS))
        assert holds(store, {})
        assert holds(put(store, TEXTS), TEXTS)

    def test_pruning_takes_away_what_it_is_told(self, store: Catalogue) -> None:
        store = put(put(store, TEXTS), {"new": "new"}, prune=frozenset({"doc-0", "doc-5"}))
        left = {doc_id: text for doc_id, text in TEXTS.items() if doc_id not in ("doc-0", "doc-5")}
        assert holds(store, {**left, "new": "new"})
        again = commit(store, Change(0, "prune", (), {store.entries[0].segment: np.array([5, 0, 0])}))
        assert again.version == store.version

    def test_every_snapshot_stays_readable(self, store: Catalogue) -> None:
        texts, history = dict(TEXTS), [dict[str, str]()]
        for i in range(8):
            texts[f"doc-{i % 4}"] = f"round {i}"
            store = put(store, texts)
            history.append(dict(texts))
        for version, then in enumerate(history):
            assert held(Catalogue.open(store.uri, version)) == expected(then, store.spec)

    def test_segments_of_refused_documents_are_not_listed(self, store: Catalogue) -> None:
        record = write(store, {})
        assert commit(store, Change(0, "encode", [SegmentEntry.of(record)])).version == 0

    def test_totals_are_those_of_the_entries(self, store: Catalogue) -> None:
        store = put(put(store, TEXTS), {"doc-1": "x", "new": "y"})
        assert store.manifest.counts == {
            "segments": 2,
            "documents": 7,
            "deleted": 1,
            "tokens": sum(entry.tokens for entry in store.entries),
            "payload_bytes": sum(entry.payload_bytes for entry in store.entries),
            "stored_bytes": sum(size for path, size in store.objects.walk("segments") if not path.endswith("s.json"))
            - sum(store.objects.size(f"segments/{entry.segment}.json") or 0 for entry in store.entries),
        }
        assert store.manifest.operation == "encode"


class TestRefusals:
    def test_positions_that_a_segment_does_not_have(self, store: Catalogue) -> None:
        store = put(store, TEXTS)
        for positions in ([6], [-1], [2, 99]):
            with pytest.raises(ValueError, match=r"has 6 documents; told to drop"):
                commit(store, Change(1, "prune", (), {store.entries[0].segment: np.array(positions)}))
        assert holds(store, TEXTS)

    def test_a_segment_that_is_not_listed_cannot_lose_documents(self, store: Catalogue) -> None:
        with pytest.raises(CommitConflict, match="segment 5e5e is no longer listed, but this commit"):
            commit(put(store, TEXTS), Change(1, "prune", (), {"5e5e": np.array([0])}))

    def test_a_segment_that_lost_documents_cannot_be_added_again(self, store: Catalogue) -> None:
        """The segment would silently stay without them: its name does not tell what was deleted since."""
        added = change_to(store, {"doc-1": "first"}).added
        store = put(commit(store, Change(0, "encode", added)), {"doc-1": "second"})
        with pytest.raises(
            ValueError, match=r"was listed before and lost documents; name it by Catalogue\.segment_for"
        ):
            commit(store, Change(2, "encode", added, store.locate(store.keys, np.array([0]))))
        assert holds(store, {"doc-1": "second"})


class TestTwoWriters:
    """Both work from one base; the second commits onto what the first has done."""

    def test_both_add_other_documents(self, either_store: Catalogue) -> None:
        first, second = change_to(either_store, {"a": "1"}), change_to(either_store, {"b": "2"})
        commit(either_store, first)
        assert commit(either_store, second).version == 2
        assert holds(either_store, {"a": "1", "b": "2"})

    def test_the_same_documents_are_stored_once(self, either_store: Catalogue) -> None:
        first, second = (change_to(either_store, TEXTS) for _ in range(2))
        commit(either_store, first)
        assert commit(either_store, second).version == 1
        assert holds(either_store, TEXTS)

    def test_a_document_with_the_same_text_is_dropped_from_the_later_change(self, store: Catalogue) -> None:
        first, second = change_to(store, {"a": "1", "b": "2"}), change_to(store, {"b": "2", "c": "3"})
        after = commit(commit(store, first), second)
        assert holds(store, {"a": "1", "b": "2", "c": "3"})
        assert [(entry.documents, entry.deleted) for entry in after.entries] == [(2, 0), (2, 1)]

    def test_a_change_that_others_have_made_in_other_segments_is_no_change(self, store: Catalogue) -> None:
        first, second = change_to(store, TEXTS), change_to(store, {"doc-3": "text 3"})
        commit(store, first)
        assert commit(store, second).version == 1
        assert holds(store, TEXTS)

    def test_a_document_with_another_text_is_superseded_by_the_later_change(self, store: Catalogue) -> None:
        first, second = change_to(store, {"a": "1", "b": "2"}), change_to(store, {"b": "other", "c": "3"})
        commit(commit(store, first), second)
        assert holds(store, {"a": "1", "b": "other", "c": "3"})

    def test_both_change_a_stored_text(self, store: Catalogue) -> None:
        base = put(store, TEXTS)
        first, second = change_to(base, {"doc-1": "first"}), change_to(base, {"doc-1": "second"})
        commit(commit(base, first), second)
        assert holds(store, {**TEXTS, "doc-1": "second"})

    def test_one_prunes_what_the_other_changes(self, store: Catalogue) -> None:
        base = put(store, TEXTS)
        change, prune = change_to(base, {"doc-1": "changed"}), change_to(base, {}, prune=frozenset({"doc-1", "doc-2"}))
        left = {doc_id: text for doc_id, text in TEXTS.items() if doc_id != "doc-2"}
        commit(commit(base, change), prune)
        assert holds(store, {**left, "doc-1": "changed"})

    def test_the_second_changes_what_the_first_has_pruned(self, store: Catalogue) -> None:
        base = put(store, TEXTS)
        change, prune = change_to(base, {"doc-1": "changed"}), change_to(base, {}, prune=frozenset({"doc-1"}))
        commit(commit(base, prune), change)
        assert holds(store, {**TEXTS, "doc-1": "changed"})

    def test_both_prune(self, store: Catalogue) -> None:
        base = put(store, TEXTS)
        first, second = (change_to(base, {}, prune=frozenset(ids)) for ids in ({"doc-1", "doc-2"}, {"doc-2", "doc-3"}))
        commit(commit(base, first), second)
        assert holds(store, {d: t for d, t in TEXTS.items() if d not in ("doc-1", "doc-2", "doc-3")})

    def test_a_segment_listed_meanwhile_is_dropped_even_when_it_changed_since(self, store: Catalogue) -> None:
        first, second = change_to(store, TEXTS), change_to(store, TEXTS)
        after = put(commit(store, first), {"doc-1": "newer"})
        assert commit(store, second).version == after.version
        assert holds(store, {**TEXTS, "doc-1": "newer"})

    def test_only_what_was_committed_since_is_read(self, store: Catalogue) -> None:
        base = put(store, TEXTS)
        first, second = change_to(base, {"doc-1": "first"}), change_to(base, {"doc-1": "second", "new": "new"})
        commit(base, first)
        there = [path for path, _ in store.objects.walk(f"segments/{base.entries[0].segment}")]
        kept = {path: store.objects.get(path) for path in there}
        store.objects.delete(there)
        commit(base, second)
        for path, data in kept.items():
            store.objects.put(path, data)
        assert holds(store, {**TEXTS, "doc-1": "second", "new": "new"})

    def test_a_segment_of_refused_documents_is_not_looked_for(self, store: Catalogue) -> None:
        refused = SegmentEntry.of(write(store, {}))
        put(store, TEXTS)
        assert commit(store, Change(0, "encode", [refused])).version == 1

    def test_both_change_a_text_back(self, store: Catalogue) -> None:
        base = put(put(store, {"a": "1"}), {"a": "2"})
        first, second = change_to(base, {"a": "1"}), change_to(base, {"a": "1"})
        commit(commit(base, first), second)
        assert holds(store, {"a": "1"})

    def test_a_stale_change_of_a_text_that_went_there_and_back(self, store: Catalogue) -> None:
        base = put(store, {"a": "1"})
        stale = change_to(base, {"a": "2"})
        back = put(put(base, {"a": "2"}), {"a": "1"})
        assert commit(base, stale).version == back.version
        assert holds(store, {"a": "1"})

    @pytest.mark.parametrize("text", ["there", "back"])
    def test_a_text_that_others_changed_there_and_back_stays_whatever_was_compacted(
        self, store: Catalogue, text: str
    ) -> None:
        """A compaction freed the place of the row that the late change supersedes; another row has it now."""
        store = put(put(store, {"doc": "back"}), {"other": "text"})
        late = change_to(store, {"doc": "there"}, prune=frozenset({"other"}))
        store = put(put(store, {"doc": "there"}), {"doc": "back"})
        compact(store)
        store = put(Catalogue.open(store.uri), {"doc": "there"})
        if text == "back":
            store = put(store, {"doc": "back"})
            assert len(late.dropped.keys() & store.listed.keys()) == 1
        assert late.added[0].segment in store.listed
        commit(store, late)
        assert holds(store, {"doc": text})


class TestManyWriters:
    def test_eight_threads_lose_nothing(self, either_store: Catalogue) -> None:
        """Each adds documents of its own, and all write one that they share."""

        def work(writer: int) -> None:
            for i in range(2):
                put(Catalogue.open(either_store.uri), {f"{writer}-{i}": f"{writer} {i}", "shared": f"{writer} {i}"})

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(work, range(8)))
        opened = Catalogue.open(either_store.uri)
        found = held(opened)
        own = {f"{writer}-{i}": f"{writer} {i}" for writer in range(8) for i in range(2)}
        assert {doc_id: found[doc_id] for doc_id in own} == expected(own, opened.spec)
        assert found.keys() == {*own, "shared"}
        assert opened.version == len(opened.entries) == 16

    def test_a_writer_that_never_wins_gives_up(self, store: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(VersionLog, "publish", lambda *_: None)
        monkeypatch.setattr("time.sleep", lambda _: None)
        with pytest.raises(CommitConflict, match=r"other writers were first 200 times in a row; run the command again"):
            put(store, TEXTS)

    @pytest.mark.parametrize(("took", "longest"), [(0.25, 0.25), (5.0, 2.0)])
    def test_a_writer_that_lost_waits_about_as_long_as_it_tried(
        self, store: Catalogue, monkeypatch: pytest.MonkeyPatch, took: float, longest: float
    ) -> None:
        waits: list[float] = []
        change, clock = change_to(store, TEXTS), count(0, took)
        monkeypatch.setattr(VersionLog, "publish", lambda *_: None)
        monkeypatch.setattr("time.sleep", waits.append)
        monkeypatch.setattr("time.monotonic", lambda: next(clock))
        monkeypatch.setattr("random.uniform", lambda _, longest: longest)
        with pytest.raises(CommitConflict):
            commit(store, change)
        assert waits == [longest] * 200

    def test_a_writer_that_lost_reads_nothing_twice(self, store: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
        change = change_to(store, {"a": "1", "shared": "mine"})
        reads: Counter[str] = Counter()
        get, publish = Objects.get, VersionLog.publish

        def beaten(self: VersionLog, *args: object) -> object:
            # Whatever is tried, another writer is first, six times.
            monkeypatch.setattr(VersionLog, "publish", publish)
            if len(rivals) < 6:
                rivals.append(put(Catalogue.open(store.uri), {f"rival-{len(rivals)}": "x", "shared": f"{len(rivals)}"}))
                monkeypatch.setattr(VersionLog, "publish", beaten)
            reads.clear() if len(rivals) == 1 else None
            return publish(self, *args)  # type: ignore[arg-type]

        def reading(self: Objects, path: str) -> bytes:
            if isinstance(self, CachedObjects):
                reads[path] += 1
            return get(self, path)

        rivals: list[Catalogue] = []
        monkeypatch.setattr(VersionLog, "publish", beaten)
        monkeypatch.setattr(Objects, "get", reading)
        after = commit(store, change)
        assert (after.version, len(rivals)) == (7, 6)
        assert max(n for path, n in reads.items() if path.startswith(("segments/", "deletions/", "lists/"))) == 1
        assert holds(store, {"a": "1", "shared": "mine"} | {f"rival-{i}": "x" for i in range(6)})

    @pytest.mark.parametrize("answer", ["exists", "error"])
    def test_a_commit_whose_answer_was_lost_is_one_commit(
        self, store: Catalogue, monkeypatch: pytest.MonkeyPatch, answer: str
    ) -> None:
        change = change_to(store, TEXTS)
        create = Objects.create

        def lossy(self: Objects, path: str, data: bytes) -> bool:
            wrote = create(self, path, data)
            if wrote and path.startswith("manifests/") and answer == "error":
                raise StoreError("timed out")
            return wrote and not path.startswith("manifests/")

        monkeypatch.setattr(Objects, "create", lossy)
        assert commit(store, change).version == 1
        assert holds(store, TEXTS)


class TestEntries:
    ENTRY = SegmentEntry("ab", "cd", "ef", 5, 20, 22, 100, 120)

    def test_entries_are_rows_of_a_table_and_back(self) -> None:
        entries = [self.ENTRY, self.ENTRY.without("99", 2), replace(self.ENTRY, segment="other", rows=2**40)]
        assert entry_table(entries).schema == ENTRY_SCHEMA
        assert entries_of(entry_table(entries)) == entries
        assert entries_of(entry_table([])) == []

    def test_totals_leave_out_what_was_deleted(self) -> None:
        assert snapshot_counts([self.ENTRY, self.ENTRY.without("99", 2)]) == {
            "segments": 2,
            "documents": 8,
            "deleted": 2,
            "tokens": 44,
            "payload_bytes": 200,
            "stored_bytes": 240,
        }
