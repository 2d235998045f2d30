"""A compacted store holds what it held, in fewer segments, whatever happens on the way."""

from __future__ import annotations

import contextlib
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from encore.featurestore import Catalogue, Change, CommitConflict, FeatureBlock, UsageError, commit
from encore.featurestore.history.block_list import block
from encore.featurestore.quantizers import UInt8
from encore.featurestore.rewriting import compaction
from encore.featurestore.rewriting import merge as merging
from encore.featurestore.rewriting.compaction import Compaction, compact, plan_groups
from encore.featurestore.rewriting.merge import compacted_id
from encore.featurestore.segments import shards
from encore.featurestore.segments.entries import SegmentEntry
from encore.featurestore.segments.reader import SegmentReader
from encore.featurestore.segments.writer import read_record
from encore.featurestore.storage.objects import Objects
from tests.featurestore.building import block_of, change_to, expected, held, put, spec_of, write

TENSOR = UInt8("per-tensor", "min-max", scale=(0.25,), zero_point=(100,))
SPECS = (spec_of("sign"), spec_of("float16", "stack:2"), spec_of().with_quantizer(TENSOR), spec_of(positions="cls"))


@pytest.fixture
def store(tmp_path: Path) -> Catalogue:
    return Catalogue.create(str(tmp_path / "store"), spec_of())


def filled(store: Catalogue, segments: int = 3, documents: int = 4) -> Catalogue:
    """So many segments, each of so many documents."""
    for i in range(segments):
        store = put(store, {f"{i}-{j}": f"text {i} {j}" for j in range(documents)})
    return store


def newest(store: Catalogue) -> Catalogue:
    return Catalogue.open(store.uri)


def entry(name: str, payload: int, documents: int = 10, deleted: int = 0) -> SegmentEntry:
    vector = "vector" if deleted else None
    return SegmentEntry(name, "a", f"record of {name}", documents, 20, 20, payload, payload, vector, deleted)


class TestPlan:
    def names(self, *entries: SegmentEntry, target: int = 100) -> list[str]:
        return ["".join(e.segment for e in group.sources) for group in plan_groups(entries, target)]

    def test_no_more_than_so_many_merge_at_a_time(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(compaction, "GROUP_SEGMENTS", 3)
        assert self.names(*(entry(name, 1) for name in "abcdefg")) == ["abc", "def"]

    def test_neighbours_merge_up_to_the_target(self) -> None:
        assert self.names(*(entry(name, 40) for name in "abcdef")) == ["ab", "cd", "ef"]
        assert self.names(*(entry(name, 50) for name in "abc")) == ["ab"]

    def test_a_large_segment_is_left_alone_and_its_neighbours_merge(self) -> None:
        assert self.names(entry("a", 10), entry("b", 100), entry("c", 10)) == ["ac"]

    def test_a_segment_with_deleted_documents_is_written_anew_however_large(self) -> None:
        assert self.names(entry("a", 1000, deleted=1)) == ["a"]
        assert self.names(entry("a", 60, deleted=1), entry("b", 60)) == ["a"]

    def test_what_is_deleted_does_not_count(self) -> None:
        assert self.names(entry("a", 100, deleted=9), entry("b", 90)) == ["ab"]

    def test_segments_of_which_nothing_is_live_leave_together(self) -> None:
        assert self.names(entry("a", 100, deleted=10), entry("b", 100), entry("c", 10, deleted=10)) == ["ac"]

    def test_there_is_nothing_to_do_for_a_segment_alone(self) -> None:
        assert self.names() == self.names(entry("a", 1)) == self.names(entry("a", 60), entry("b", 60)) == []


class TestContent:
    @settings(max_examples=15)
    @given(data=st.data())
    def test_the_digest_and_every_document_stay(self, data: st.DataObject) -> None:
        spec = data.draw(st.sampled_from(SPECS))
        ids = st.sampled_from([f"doc-{i}" for i in range(8)])
        with tempfile.TemporaryDirectory() as folder:
            store, texts = Catalogue.create(folder, spec), dict[str, str]()
            for _ in range(data.draw(st.integers(1, 4))):
                new = data.draw(st.dictionaries(ids, st.sampled_from(["x", "y", "z"]), max_size=4))
                gone = data.draw(st.frozensets(ids, max_size=3)) - new.keys()
                store = put(store, new, gone)
                texts = {doc_id: text for doc_id, text in {**texts, **new}.items() if doc_id not in gone}
            before = store.digest()
            target = data.draw(st.integers(1, 400))
            compact(store, target_bytes=target)
            after = newest(store)
            assert after.digest() == before
            assert held(after) == expected(texts, spec)
            assert after.manifest.counts.get("documents", 0) == len(after) == len(texts)
            assert after.manifest.counts.get("deleted", 0) == 0
            assert compact(after, target_bytes=target).after == after.version

    @pytest.mark.parametrize("place", ["local", "s3"])
    def test_segments_merge_in_order_and_say_what_they_were(
        self, place: str, tmp_path: Path, request: pytest.FixtureRequest
    ) -> None:
        root = str(tmp_path) if place == "local" else str(request.getfixturevalue("s3_bucket"))
        store = filled(Catalogue.create(f"{root}/store", spec_of()))
        store = put(store, {}, prune=frozenset({"1-2", "0-0"}))
        order = store.documents()["doc_id"].to_pylist()
        then = store.entries
        done = compact(store)
        after = newest(store)
        (merged,) = after.entries
        assert after.documents()["doc_id"].to_pylist() == order
        assert (done.before, done.after, done.segments) == (4, 5, (3, 1))
        assert (done.replaced, done.written, done.documents, done.deleted) == (3, 1, 10, 2)
        assert done.payload_bytes == merged.payload_bytes
        assert after.reader(merged).record.sources == tuple((e.segment, e.deletions) for e in then)
        assert after.manifest.operation == "compact"
        assert after.digest() == Catalogue.open(store.uri, 4).digest()

    def test_a_segment_of_which_all_is_deleted_leaves_the_list(self, store: Catalogue) -> None:
        store = put(filled(store, 2), {}, prune=frozenset(f"{i}-{j}" for i in range(2) for j in range(4)))
        done = compact(store)
        assert (done.replaced, done.written) == (2, 0)
        assert newest(store).entries == []

    def test_counts_are_carried_on_less_what_was_deleted(self, store: Catalogue) -> None:
        index = block_of(store.spec, {"a": "1", "b": "2", "c": "3"}).index
        tokens = dict(zip("abc", index["n_tokens"].to_pylist(), strict=True))
        store = put(put(store, {"a": "1", "b": "2"}), {"c": "3"}, prune=frozenset({"b"}))
        compact(store)
        (merged,) = newest(store).entries
        record = newest(store).reader(merged).record
        assert record.tokens == merged.tokens == tokens["a"] + tokens["c"]
        assert record.padded_tokens == sum(tokens.values())

    def test_kept_columns_that_differ_are_joined(self, store: Catalogue) -> None:
        first = write(store, {"a": "1"}, {"year": pa.array([2020])})
        second = write(store, {"b": "2"}, {"year": pa.array(["MMXX"]), "note": pa.array(["x"])})
        store = commit(store, Change(0, "encode", [SegmentEntry.of(first), SegmentEntry.of(second)]))
        before = store.documents()
        compact(store)
        assert len(newest(store).entries) == 1
        assert newest(store).documents().equals(before)

    def test_kept_columns_of_lists_and_numbers_become_strings(self, store: Catalogue) -> None:
        first = write(store, {"a": "1"}, {"year": pa.array([2020])})
        second = write(store, {"b": "2"}, {"year": pa.array([[1, 2]])})
        store = commit(store, Change(0, "encode", [SegmentEntry.of(first), SegmentEntry.of(second)]))
        compact(store)
        assert len(newest(store).entries) == 1
        assert newest(store).documents()["year"].to_pylist() == ["2020", "[1, 2]"]

    @pytest.mark.parametrize("codec", ["none", "zstd", "blosc"])
    def test_the_codec_is_that_of_the_sources(self, store: Catalogue, codec: str) -> None:
        parts = [write(store, {f"{i}": f"text {i}"}, codec=codec) for i in range(2)]
        store = commit(store, Change(0, "encode", [SegmentEntry.of(part) for part in parts]))
        compact(store)
        (merged,) = newest(store).entries
        assert newest(store).reader(merged).codec == codec

    def test_of_several_codecs_the_one_of_most_bytes_is_taken(self, store: Catalogue) -> None:
        small, large = write(store, {"a": "1"}, codec="blosc"), write(store, {f"{i}": f"{i}" for i in range(9)})
        store = commit(store, Change(0, "encode", [SegmentEntry.of(small), SegmentEntry.of(large)]))
        compact(store)
        assert newest(store).reader(newest(store).entries[0]).codec == "none"

    def test_a_dry_run_says_the_same_and_writes_nothing(self, store: Catalogue) -> None:
        store = put(filled(store), {}, prune=frozenset({"1-2"}))
        there = sorted(store.objects.walk())
        said = compact(store, dry_run=True)
        assert sorted(store.objects.walk()) == there
        done = compact(store)
        assert replace(done, after=said.after, payload_bytes=said.payload_bytes) == said

    def test_nothing_to_do_publishes_nothing(self, store: Catalogue) -> None:
        assert compact(store) == Compaction(0, 0, (0, 0))
        store = filled(store, 1)
        assert compact(store) == Compaction(1, 1, (1, 1))

    def test_a_target_of_nothing_is_refused(self, store: Catalogue) -> None:
        with pytest.raises(UsageError, match="target of 0 bytes: expected at least 1"):
            compact(store, target_bytes=0)

    def test_the_newest_snapshot_is_compacted_whichever_is_open(self, store: Catalogue) -> None:
        filled(store)
        assert compact(Catalogue.open(store.uri, 1)).before == 3

    def test_one_output_segment_is_held_at_a_time(self, store: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
        store = filled(store, 6, 8)
        target = max(entry.payload_bytes for entry in store.entries) * 2
        written: list[int] = []
        write_one = merging.write_segment

        def weighed(objects: Objects, name: str, block: FeatureBlock, *rest: Any, **named: Any) -> Any:
            written.append(block.packed.nbytes)
            return write_one(objects, name, block, *rest, **named)

        monkeypatch.setattr(merging, "write_segment", weighed)
        compact(store, target_bytes=target)
        assert max(written) <= target
        assert len(written) >= 3

    @pytest.mark.parametrize("deleted", [[], ["0-1", "0-6", "2-0", "2-1"]])
    def test_features_are_read_in_parts(
        self, store: Catalogue, monkeypatch: pytest.MonkeyPatch, deleted: list[str]
    ) -> None:
        """Whole segments are read in stored pieces, segments that lose rows in decoded parts, and no row twice."""
        monkeypatch.setattr("encore.featurestore.segments.writer.CHUNK_BYTES", 6)
        texts = {f"{i}-{j}": f"text {i} {j}" for i in range(3) for j in range(8)}
        for i in range(3):
            store = put(store, {doc_id: text for doc_id, text in texts.items() if doc_id.startswith(str(i))})
        store = put(store, {}, prune=frozenset(deleted))
        monkeypatch.setattr(shards, "PIECE_BYTES", 20)
        monkeypatch.setattr(merging, "COPY_BYTES", store.spec.row_bytes * 5)
        pieces: list[int] = []
        parts: list[int] = []
        fetch, read = Objects.get_range, SegmentReader.packed

        def fetched(self: Objects, path: str, start: int, length: int) -> bytes:
            if "/features/c/" in path:
                pieces.append(length)
            return fetch(self, path, start, length)

        def counted(self: SegmentReader, start: int, stop: int, out: Any = None) -> Any:
            parts.append((stop - start) * store.spec.row_bytes)
            return read(self, start, stop, out)

        sources = store.entries
        with monkeypatch.context() as patch:
            patch.setattr(Objects, "get_range", fetched)
            # Read as from a bucket: from a disk it is one read.
            patch.setattr(Objects, "on_disk", False)
            patch.setattr(SegmentReader, "packed", counted)
            compact(store)
        assert held(newest(store)) == expected({k: v for k, v in texts.items() if k not in deleted}, store.spec)
        # Each shard gives its index, and then pieces.
        assert sorted(pieces)[: -len(sources)][-1] <= 20
        whole = [entry.payload_bytes for entry in sources if not entry.deleted]
        assert sum(parts) == sum(entry.payload_bytes for entry in sources)
        assert all(part <= merging.COPY_BYTES or part in whole for part in parts)

    def test_very_many_small_segments_become_one_by_steps(
        self, store: Catalogue, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(compaction, "GROUP_SEGMENTS", 3)
        store = filled(store, 10, 2)
        done = compact(store)
        assert done.segments == (10, 1)
        assert held(newest(store)) == held(store)


class TestNames:
    def test_a_compacted_segment_is_not_taken_for_the_encoded_one_of_the_same_documents(self, store: Catalogue) -> None:
        store = filled(store, 2)
        compact(store)
        (merged,) = newest(store).entries
        index = newest(store).reader(merged).index()
        assert newest(store).segment_for(index) != merged.segment

    def test_the_name_follows_from_sources_and_their_deletions(self, store: Catalogue) -> None:
        a, b = entry("a", 1), entry("b", 1)
        names = [
            compacted_id(store, sources)
            for sources in ([a, b], [b, a], [a], [a, replace(b, deletions="d")], [a, replace(b, record="other")])
        ]
        assert len(set(names)) == len(names)
        assert compacted_id(store, [a, b]) == names[0]

    def test_a_name_that_is_listed_is_not_taken_again(self, store: Catalogue) -> None:
        """The documents of a compacted store are pruned, then encoded again by a job that finds its old segments."""
        store = filled(store, 2)
        compact(store)
        texts = {f"{i}-{j}": f"text {i} {j}" for i in range(2) for j in range(4)}
        empty = put(newest(store), {}, prune=frozenset(texts))
        again = filled(empty, 2)
        assert {e.segment for e in store.entries} < {e.segment for e in again.entries}
        before = again.digest()
        compact(again)
        assert newest(store).digest() == before
        assert held(newest(store)) == expected(texts, store.spec)

    def test_what_an_encode_finished_before_a_compaction_is_not_listed_twice(self, store: Catalogue) -> None:
        """Two runs of one encode: the second commits after the first's segments were compacted."""
        first = [change_to(store, {f"{i}": f"text {i}"}) for i in range(2)]
        twin = Change(0, "encode", [entry for change in first for entry in change.added])
        after = commit(store, twin)
        compact(after)
        commit(store, twin)
        assert held(newest(store)) == expected({"0": "text 0", "1": "text 1"}, store.spec)
        assert len(newest(store).entries) == 1


class TestOthers:
    """Commits of others between the copying and the commit of a compaction."""

    @staticmethod
    def meanwhile(monkeypatch: pytest.MonkeyPatch, act: Any, times: int = 1) -> None:
        """Do something right after a group was written, so many times."""
        merge, left = compaction.merge, [times]

        def interrupted(*arguments: Any) -> Any:
            record = merge(*arguments)
            if left[0]:
                left[0] -= 1
                act(times - left[0])
            return record

        monkeypatch.setattr(compaction, "merge", interrupted)

    def test_documents_added_meanwhile_are_kept(self, store: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
        store = filled(store)
        self.meanwhile(monkeypatch, lambda _: put(newest(store), {"new": "new"}))
        done = compact(store)
        assert held(newest(store)).keys() == held(store).keys() | {"new"}
        assert done.after > 5, "the new segment is merged too, in a second pass"
        assert len(newest(store).entries) == 1

    def test_a_document_deleted_meanwhile_stays_deleted(
        self, store: Catalogue, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store = filled(store)
        self.meanwhile(monkeypatch, lambda _: put(newest(store), {}, prune=frozenset({"1-1"})))
        compact(store)
        assert held(newest(store)).keys() == held(store).keys() - {"1-1"}
        assert newest(store).manifest.counts["deleted"] == 0

    def test_a_text_changed_meanwhile_is_the_new_one(self, store: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
        store = filled(store)
        self.meanwhile(monkeypatch, lambda _: put(newest(store), {"2-0": "changed"}))
        compact(store)
        texts = {f"{i}-{j}": f"text {i} {j}" for i in range(3) for j in range(4)}
        assert held(newest(store)) == expected({**texts, "2-0": "changed"}, store.spec)

    def test_a_conflict_costs_one_group(self, store: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
        store = filled(store, 6)
        target = sum(e.payload_bytes for e in store.entries) // 3 + 40
        untouched = plan_groups(store.entries, target)[-1]
        name = compacted_id(store, untouched.sources)
        self.meanwhile(monkeypatch, lambda _: put(newest(store), {}, prune=frozenset({"0-0"})))
        compact(store, target_bytes=target)
        assert name in newest(store).listed
        assert held(newest(store)).keys() == held(store).keys() - {"0-0"}

    def test_a_second_compaction_at_once_does_no_harm(self, store: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
        store = filled(store)
        before = store.digest()
        self.meanwhile(monkeypatch, lambda _: compact(store))
        compact(store)
        assert newest(store).digest() == before
        assert len(newest(store).entries) == 1

    def test_a_document_that_is_blocked_and_not_deleted_yet_is_left_to_its_deletion(self, store: Catalogue) -> None:
        store = filled(store)
        block(store.objects, pa.array(["1-1"]))
        compact(store)
        assert held(newest(store)) == held(store)

    def test_encodes_deletions_and_compactions_at_once_lose_nothing(self, store: Catalogue) -> None:
        def write_some(writer: int) -> None:
            for i in range(4):
                gone = frozenset({f"{writer}-{i - 1}"}) if i == 2 else frozenset[str]()
                put(newest(store), {f"{writer}-{i}": f"text {i}", f"{writer}-0": f"round {i}"}, prune=gone)

        def tidy(_: int) -> None:
            for _round in range(3):
                with contextlib.suppress(CommitConflict):
                    compact(store)

        with ThreadPoolExecutor(4) as pool:
            work = [pool.submit(*job) for job in ((write_some, 0), (tidy, 0), (write_some, 1), (tidy, 1))]
            for job in work:
                job.result()
        texts = {f"{writer}-{i}": f"text {i}" for writer in range(2) for i in (2, 3)}
        assert held(newest(store)) == expected(texts | {"0-0": "round 3", "1-0": "round 3"}, store.spec)

    def test_others_who_never_stop_are_a_conflict(self, store: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
        store = filled(store, 3, 12)
        changed = [frozenset({f"0-{n}", f"1-{n}", f"2-{n}"}) for n in range(12)]
        self.meanwhile(monkeypatch, lambda n: put(newest(store), {}, prune=changed[n]), times=10)
        with pytest.raises(CommitConflict, match="other jobs changed the segments again and again during the "):
            compact(store)
        assert held(newest(store)).keys() == held(store).keys() - changed[1] - changed[2]

    def test_a_segment_that_others_change_all_the_time_does_not_keep_its_neighbours_apart(
        self, store: Catalogue, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store = filled(store, 4, 12)
        self.meanwhile(monkeypatch, lambda n: put(newest(store), {}, prune=frozenset({f"1-{n}"})), times=10)
        done = compact(store)
        assert (done.replaced, done.written) == (3, 1)
        assert sorted(entry.documents for entry in newest(store).entries) == [12, 36]
        assert held(newest(store)).keys() == held(store).keys() - {f"1-{n}" for n in range(1, 4)}
        monkeypatch.undo()
        assert compact(newest(store)).segments == (2, 1)

    def test_an_encode_that_began_before_finds_what_it_supersedes(self, store: Catalogue) -> None:
        store = filled(store)
        late = change_to(store, {"1-1": "changed", "new": "new"}, prune=frozenset({"0-3"}))
        compact(store)
        commit(store, late)
        texts = {f"{i}-{j}": f"text {i} {j}" for i in range(3) for j in range(4) if (i, j) != (0, 3)}
        assert held(newest(store)) == expected({**texts, "1-1": "changed", "new": "new"}, store.spec)

    def test_what_was_written_since_is_not_pruned_by_a_job_that_began_before(self, store: Catalogue) -> None:
        store = filled(store)
        late = change_to(store, {}, prune=frozenset({"1-1", "1-2"}))
        compact(put(store, {"1-1": "changed"}))
        commit(store, late)
        found = held(newest(store))
        assert "1-2" not in found
        assert found["1-1"] == expected({"1-1": "changed"}, store.spec)["1-1"]

    @pytest.mark.parametrize("texts", [{"1-1": "changed"}, {}])
    def test_what_was_copied_from_an_older_state_is_refused(self, store: Catalogue, texts: dict[str, str]) -> None:
        """The sources changed after the last look at them, and before the commit."""
        store = filled(store, 2)
        (group,) = plan_groups(store.entries, compaction.TARGET_BYTES)
        record = merging.merge(store, group.sources)
        put(store, texts, prune=frozenset({"0-0"}))
        stale = Change(
            store.version, "compact", [SegmentEntry.of(record)], replaced={e.segment: e for e in group.sources}
        )
        with pytest.raises(CommitConflict, match="changed while it was compacted; run the command again"):
            commit(store, stale)
        assert newest(store).version == store.version + 1

    def test_replacing_under_a_listed_name_is_refused(self, store: Catalogue) -> None:
        store = filled(store, 2)
        a, b = store.entries
        with pytest.raises(CommitConflict, match="changed while it was compacted"):
            commit(store, Change(2, "compact", [a], replaced={b.segment: b}))


class TestCrash:
    def test_a_crash_at_any_write_loses_nothing_and_a_rerun_finishes(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Stops before the n-th write, for every n, and after the last."""
        put_object, create = Objects.put, Objects.create
        stopped = 0
        while True:
            store = put(filled(Catalogue.create(str(tmp_path / f"{stopped}"), spec_of())), {}, prune=frozenset({"0-1"}))
            before, left = store.digest(), [stopped]

            def step(left: list[int] = left) -> None:
                left[0] -= 1
                if left[0] < 0:
                    raise KeyboardInterrupt

            def put_or_stop(self: Objects, *arguments: Any) -> None:
                step()
                put_object(self, *arguments)

            def create_or_stop(self: Objects, *arguments: Any) -> bool:
                step()
                return create(self, *arguments)

            with monkeypatch.context() as patch:
                patch.setattr(Objects, "put", put_or_stop)
                patch.setattr(Objects, "create", create_or_stop)
                try:
                    compact(store)
                    crashed = False
                except KeyboardInterrupt:
                    crashed = True
            assert newest(store).digest() == before
            compact(store)
            assert newest(store).digest() == before
            assert len(newest(store).entries) == 1
            assert newest(store).manifest.counts["deleted"] == 0
            if not crashed:
                break
            stopped += 1
        assert stopped > 7, "objects, record, list and manifest"

    def test_a_finished_segment_is_adopted(self, store: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
        store = filled(store)
        (group,) = plan_groups(store.entries, compaction.TARGET_BYTES)
        record = merging.merge(store, group.sources)
        monkeypatch.setattr(merging, "write_segment", None)
        compact(store)
        assert newest(store).entries[0].attempt == record.attempt
        assert read_record(store.objects, record.segment) == record
