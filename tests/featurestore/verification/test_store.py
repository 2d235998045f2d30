"""Bytes that are as they were written may still be wrong: verify says where, and is silent about a sound store."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from encore.featurestore import Catalogue, Change, FeatureBlock, StoreError, UsageError, commit
from encore.featurestore.history import version_log
from encore.featurestore.history.block_list import block
from encore.featurestore.history.tags import add_tag
from encore.featurestore.history.versions import Manifest
from encore.featurestore.removal.vacuum import vacuum
from encore.featurestore.rewriting.compaction import compact
from encore.featurestore.rewriting.deletion import delete
from encore.featurestore.segments.codecs import CODECS
from encore.featurestore.segments.deletion_vectors import write_deletions
from encore.featurestore.segments.entries import SegmentEntry, entry_table, snapshot_counts
from encore.featurestore.segments.records import SegmentRecord, StoredObject, attempt_path, record_path
from encore.featurestore.segments.writer import EncodingCounts, read_record, write_segment
from encore.featurestore.storage.objects import Objects
from encore.featurestore.verification.findings import Audit
from encore.featurestore.verification.lists import SegmentSpans
from encore.featurestore.verification.store import verify
from tests.featurestore.building import block_of, expected, held, put, spec_of, write
from tests.featurestore.segments.test_writer import SPECS

TEXTS = {f"doc-{i}": f"text {i}" for i in range(12)}
MORE = {f"doc-{i}": f"text {i}" for i in range(12, 20)}


@pytest.fixture
def store(tmp_path: Path) -> Catalogue:
    return Catalogue.create(str(tmp_path / "store"), spec_of("float16"))


@pytest.fixture(params=["local", "s3"])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return str(tmp_path) if request.param == "local" else str(request.getfixturevalue("s3_bucket"))


def problems(store: Catalogue, *, deep: bool = True) -> dict[str, str]:
    """Path of each object that something is wrong with → what."""
    found = verify(Objects.open(store.uri), deep=deep).findings
    return {finding.object.removeprefix(f"{store.uri}/"): finding.problem for finding in found}


def listed(store: Catalogue, *entries: SegmentEntry) -> Catalogue:
    """The store with these entries committed as they are."""
    log = version_log(store.objects)
    counts = snapshot_counts([*store.entries, *entries])
    assert log.publish(log.latest(), "encode", counts, entry_table(entries)) is not None
    return Catalogue.open(store.uri)


def rewritten(store: Catalogue, path: str, data: bytes) -> SegmentEntry:
    """The entry of the store's only segment, with one of its objects written otherwise and the record to match."""
    (entry,) = store.entries
    record = read_record(store.objects, entry.segment)
    assert record is not None
    store.objects.put(f"{attempt_path(entry.segment, entry.attempt)}/{path}", data)
    new = StoredObject(path, len(data), hashlib.sha256(data).hexdigest())
    others = [stored for stored in record.objects if stored.path != path]
    stored = tuple(sorted([*others, new], key=lambda stored: stored.path))
    return rerecorded(store, replace(record, objects=stored, stored_bytes=sum(o.size for o in stored)))


def rerecorded(store: Catalogue, record: SegmentRecord) -> SegmentEntry:
    store.objects.put(record_path(record.segment), record.to_bytes())
    return SegmentEntry.of(record)


class TestBesideARemoval:
    def test_what_goes_while_it_is_looked_at_is_no_finding(
        self, store: Catalogue, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store = put(put(store, TEXTS), MORE)
        compact(store)
        module = import_module("encore.featurestore.verification.store")
        read, looks = module.read_spans, []

        def vacuumed(audit: Audit, manifests: Sequence[Manifest]) -> SegmentSpans:
            listing: SegmentSpans = read(audit, manifests)
            if not looks:
                vacuum(store.objects, age_limit=timedelta(0))
            looks.append(len(listing.spans))
            return listing

        monkeypatch.setattr(module, "read_spans", vacuumed)
        found = verify(Objects.open(store.uri), deep=True)
        assert looks == [3, 1]
        assert (found.findings, found.snapshots, found.unreferenced) == ((), (3, 4), 0)

    def test_what_is_lost_is_a_finding_all_the_same(self, store: Catalogue) -> None:
        store = put(put(store, TEXTS), MORE)
        compact(store)
        vacuum(store.objects, age_limit=timedelta(0))
        record = record_path(Catalogue.open(store.uri).entries[0].segment)
        store.objects.delete([record])
        assert problems(store) == {record: "missing"}


class TestSound:
    def test_a_store_with_a_history_is_clean(self, root: str) -> None:
        store = put(Catalogue.create(f"{root}/store", spec_of()), TEXTS)
        store = put(store, {**TEXTS, **MORE, "doc-3": "changed"}, prune=frozenset({"doc-0"}))
        store = put(store, {"doc-3": "text 3"})
        store = put(store, {}, prune=frozenset(MORE))
        add_tag(store.objects, "v1", 2)
        block(store.objects, ["doc-0"])
        for deep in (False, True):
            found = verify(Objects.open(store.uri), deep=deep)
            assert found.findings == ()
            assert (found.store, found.deep, found.snapshots, found.unreferenced) == (store.uri, deep, (1, 2, 3, 4), 0)
        there = dict(store.objects.walk())
        assert (found.objects, found.bytes, found.read_bytes) == (len(there), sum(there.values()), sum(there.values()))
        assert found.segments == len({path.split("/")[1] for path in there if path.endswith("documents.parquet")})

    @pytest.mark.parametrize("codec", CODECS)
    @pytest.mark.parametrize("name", SPECS)
    def test_every_quantizer_stack_and_codec_is_clean(self, tmp_path: Path, name: str, codec: str) -> None:
        store = Catalogue.create(str(tmp_path / "store"), SPECS[name])
        record = write(store, TEXTS, {"topic": pa.array(["a"] * 12)}, codec=codec)
        commit(store, Change(0, "encode", [SegmentEntry.of(record)]))
        assert verify(Objects.open(store.uri), deep=True).findings == ()

    def test_an_empty_store_is_clean(self, store: Catalogue) -> None:
        found = verify(Objects.open(store.uri), deep=True)
        assert (found.findings, found.snapshots, found.segments, found.objects) == ((), (), 0, 1)

    def test_nothing_is_changed(self, store: Catalogue) -> None:
        put(store, TEXTS)
        before = {path: store.objects.get(path) for path, _ in store.objects.walk()}
        verify(Objects.open(store.uri), deep=True)
        assert {path: store.objects.get(path) for path, _ in store.objects.walk()} == before

    def test_what_nobody_refers_to_is_counted_and_is_no_damage(self, store: Catalogue) -> None:
        store = put(store, TEXTS)
        write(store, MORE)
        store.objects.put(f"lists/{'0' * 64}.parquet", b"of a commit that was interrupted")
        store.objects.put("runs/1/report.json", b"{}")
        found = verify(Objects.open(store.uri), deep=True)
        assert (found.findings, found.unreferenced) == ((), 6 + 1 + 1)

    def test_each_segment_is_checked_once_and_counted(self, store: Catalogue) -> None:
        store = put(put(put(store, TEXTS), MORE), {"a": "a"}, prune=frozenset({"doc-1"}))
        told: list[tuple[int, int]] = []
        found = verify(Objects.open(store.uri), progress=lambda done, of: told.append((done, of)))
        assert told == [(1, 3), (2, 3), (3, 3)]
        assert found.segments == 3

    def test_features_are_read_only_when_asked_for(self, store: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
        store = put(store, TEXTS)
        read: list[str] = []
        monkeypatch.setattr("encore.featurestore.segments.reader.SegmentReader.packed", lambda *_: pytest.fail("read"))
        get = Objects.get
        monkeypatch.setattr(Objects, "get", lambda self, path: (read.append(path), get(self, path))[1])
        assert problems(store, deep=False) == {}
        assert not [path for path in read if "/features/c/" in path]


class TestSnapshots:
    def test_one_alone_is_checked_by_number_or_tag(self, store: Catalogue) -> None:
        second = put(put(store, TEXTS), MORE)
        add_tag(store.objects, "v1", 1)
        (new,) = (entry for entry in second.entries if entry.documents == len(MORE))
        shard = f"{attempt_path(new.segment, new.attempt)}/features/c/0/0"
        store.objects.delete([shard])
        for snapshot in (1, "1", "v1"):
            found = verify(Objects.open(store.uri), snapshot, deep=True)
            assert (found.snapshots, found.segments, found.findings, found.unreferenced) == ((1,), 1, (), None)
        for snapshot in (2, None):
            assert [finding.object for finding in verify(Objects.open(store.uri), snapshot).findings] == [
                store.objects.name(shard)
            ]

    def test_one_that_is_not_there_is_refused(self, store: Catalogue) -> None:
        put(store, TEXTS)
        with pytest.raises(UsageError, match="no snapshot 7; the newest is 1"):
            verify(Objects.open(store.uri), 7)
        with pytest.raises(UsageError, match="no tag 'v1'; it has none"):
            verify(Objects.open(store.uri), "v1")

    def test_a_gap_in_the_numbers_is_named(self, store: Catalogue) -> None:
        for i in range(5):
            store = put(store, {f"{i}": f"{i}"})
        store.objects.delete([f"manifests/{number:020d}.json" for number in (2, 3)])
        assert problems(store) == {f"manifests/{2:020d}.json": "missing: snapshots 2 to 3 between 1 and 4"}

    def test_a_tag_whose_snapshot_has_gone_is_named(self, store: Catalogue) -> None:
        store = put(put(put(store, TEXTS), MORE), {"a": "a"})
        add_tag(store.objects, "v1", 1)
        store.objects.delete([f"manifests/{1:020d}.json"])
        assert problems(store) == {"tags/v1.json": "names snapshot 1, whose manifest is missing"}

    def test_counts_that_are_not_those_of_the_lists_are_named(self, store: Catalogue) -> None:
        store = put(store, TEXTS)
        manifest = replace(store.manifest, counts={**store.manifest.counts, "documents": 11})
        path = f"manifests/{1:020d}.json"
        store.objects.put(path, manifest.to_bytes())
        assert problems(store) == {path: "counts 11 documents where its lists have 12"}

    def test_a_manifest_with_another_parent_is_named(self, store: Catalogue) -> None:
        store = put(put(store, TEXTS), MORE)
        path = f"manifests/{2:020d}.json"
        store.objects.put(path, replace(store.manifest, parent=0).to_bytes())
        assert problems(store) == {path: "damaged: says that it is snapshot 2, made from snapshot 0"}

    def test_a_list_longer_than_its_manifest_says_is_named(self, store: Catalogue) -> None:
        store = put(store, TEXTS)
        (part,) = store.manifest.lists
        manifest = replace(store.manifest, lists=(replace(part, entries=2),))
        store.objects.put(f"manifests/{1:020d}.json", manifest.to_bytes())
        assert problems(store) == {f"lists/{part.digest}.parquet": f"holds 1 entries, manifests/{1:020d}.json says 2"}

    def test_an_object_that_is_no_list_is_named(self, store: Catalogue) -> None:
        store = put(store, TEXTS)
        data = b"no list"
        digest = hashlib.sha256(data).hexdigest()
        store.objects.put(f"lists/{digest}.parquet", data)
        lists = tuple(replace(part, digest=digest) for part in store.manifest.lists)
        store.objects.put(f"manifests/{1:020d}.json", replace(store.manifest, lists=lists).to_bytes())
        assert problems(store)[f"lists/{digest}.parquet"].startswith("damaged: not a Parquet file")


class TestSegments:
    """Bytes whose checksums are right, and that were written wrong."""

    @pytest.mark.parametrize(
        ("change", "says"),
        [
            ({"documents": 11}, "documents"),
            ({"rows": 13}, "rows"),
            ({"tokens": 1, "payload_bytes": 1}, "tokens, payload_bytes"),
        ],
    )
    def test_a_list_that_counts_otherwise_than_the_record(
        self, store: Catalogue, change: dict[str, Any], says: str
    ) -> None:
        entry = replace(SegmentEntry.of(write(store, TEXTS)), **change)
        found = problems(listed(store, entry), deep=False)
        assert found[record_path(entry.segment)] == f"disagrees with its list and the store in {says}"

    def test_a_segment_of_another_spec(self, store: Catalogue, tmp_path: Path) -> None:
        other = Catalogue.create(str(tmp_path / "other"), spec_of("float16", "mean:2"))
        record = write(other, TEXTS)
        for path, _ in other.objects.walk("segments"):
            store.objects.put(path, other.objects.get(path))
        entry = SegmentEntry.of(record)
        folder = attempt_path(entry.segment, entry.attempt)
        assert problems(listed(store, entry)) == {
            record_path(entry.segment): "disagrees with its list and the store in spec",
            f"{folder}/zarr.json": "says that it holds features of another spec",
            f"{folder}/features/zarr.json": "its attributes differ from the store's spec in layers",
        }

    @pytest.mark.parametrize(
        ("path", "change", "says"),
        [
            ("features/zarr.json", {"data_type": "uint8"}, "is of uint8, expected float16"),
            ("features/zarr.json", {"shape": [5, 16]}, "is of shape (5, 16), expected "),
            ("offsets/zarr.json", {"data_type": "int32"}, "is of int32, expected int64"),
            ("offsets/zarr.json", {"shape": [12]}, "is of shape (12,), expected (13,)"),
            (
                "offsets/zarr.json",
                {"chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [5]}}},
                "has 3 shards, the completion record names 1",
            ),
            (
                "features/zarr.json",
                {"chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [50, 8]}}},
                "has shards of shape (50, 8), which split its rows",
            ),
            ("zarr.json", {"attributes": {}}, "does not say that it is a segment"),
        ],
    )
    def test_metadata_that_does_not_fit(self, store: Catalogue, path: str, change: dict[str, Any], says: str) -> None:
        draft = commit(store, Change(0, "encode", [SegmentEntry.of(write(store, TEXTS))]))
        (entry,) = draft.entries
        folder = attempt_path(entry.segment, entry.attempt)
        document = json.loads(store.objects.get(f"{folder}/{path}"))
        changed = rewritten(draft, path, json.dumps(document | change).encode())
        found = problems(listed(draft, changed))
        assert says in found[f"{folder}/{path}"]

    @pytest.mark.parametrize(
        ("change", "says"),
        [
            (lambda t: t.slice(1), "damaged: 11 rows, expected 12"),
            (lambda t: t.drop_columns(["truncated"]), "damaged: no column truncated"),
            (
                lambda t: t.set_column(0, "doc_id", pa.array([None, *t["doc_id"].to_pylist()[1:]], pa.string())),
                "damaged: column doc_id has nulls",
            ),
            (
                lambda t: t.set_column(0, "doc_id", pa.array(["x", *t["doc_id"].to_pylist()[1:]], pa.string())),
                "has a key hash that does not match its id, at document 0",
            ),
        ],
    )
    def test_an_index_that_does_not_fit(
        self, store: Catalogue, change: Callable[[pa.Table], pa.Table], says: str
    ) -> None:
        draft = commit(store, Change(0, "encode", [SegmentEntry.of(write(store, TEXTS))]))
        (entry,) = draft.entries
        sink = pa.BufferOutputStream()
        pq.write_table(change(draft.reader(entry).index()), sink)
        changed = rewritten(draft, "documents.parquet", sink.getvalue().to_pybytes())
        found = problems(listed(draft, changed))
        assert found[f"{attempt_path(entry.segment, entry.attempt)}/documents.parquet"] == says

    @pytest.mark.parametrize(
        ("change", "says"),
        [
            (lambda o: [0, *o[2:3], *o[2:]], "leave document 1 without rows"),
            (lambda o: [0, o[3], o[1], *o[3:]], "fall at document 1"),
            (lambda o: [1, *o[1:]], "run from 1 to "),
            (lambda o: [*o[:-1], o[-1] + 1], "run from 0 to "),
        ],
    )
    def test_offsets_that_do_not_rise(
        self, store: Catalogue, monkeypatch: pytest.MonkeyPatch, change: Callable[[list[int]], list[int]], says: str
    ) -> None:
        store = self.written(store, monkeypatch, offsets=lambda o: np.array(change(o.tolist())))
        (entry,) = store.entries
        folder = attempt_path(entry.segment, entry.attempt)
        assert {path: says in problem for path, problem in problems(store, deep=False).items()} == {
            f"{folder}/offsets": True
        }

    @pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
    def test_numbers_that_are_none(self, store: Catalogue, monkeypatch: pytest.MonkeyPatch, value: float) -> None:
        store = self.written(
            store, monkeypatch, packed=lambda p: np.where(np.arange(p.size).reshape(p.shape) < 2, value, p)
        )
        (entry,) = store.entries
        folder = attempt_path(entry.segment, entry.attempt)
        assert problems(store) == {f"{folder}/features": "hold 2 numbers that are NaN or infinite"}
        assert problems(store, deep=False) == {}

    @staticmethod
    def written(
        store: Catalogue, monkeypatch: pytest.MonkeyPatch, **change: Callable[[np.ndarray], np.ndarray]
    ) -> Catalogue:
        """A segment as a writer that makes a mistake would write it."""
        block = block_of(store.spec, TEXTS)
        monkeypatch.setattr(FeatureBlock, "__post_init__", lambda self: None)
        monkeypatch.setattr("encore.featurestore.segments.writer._check_block", lambda *_: None)
        wrong = {name: made(getattr(block, name)).astype(getattr(block, name).dtype) for name, made in change.items()}
        counts = EncodingCounts(len(block.packed), len(block.packed))
        record = write_segment(store.objects, "5e" * 16, replace(block, **wrong), store.spec, counts, codec="none")
        monkeypatch.undo()
        return listed(store, SegmentEntry.of(record))

    def test_a_record_that_is_sound_and_not_the_one_listed(self, store: Catalogue) -> None:
        record = write(store, TEXTS)
        listing = listed(store, SegmentEntry.of(record))
        rerecorded(store, replace(record, truncated=record.truncated + 1))
        path = record_path(record.segment)
        assert problems(listing) == {path: "damaged: its bytes are not those that were listed"}

    def test_a_record_that_leaves_an_object_out(self, store: Catalogue) -> None:
        record = write(store, TEXTS)
        left = tuple(stored for stored in record.objects if stored.path != "documents.parquet")
        entry = rerecorded(store, replace(record, objects=left, stored_bytes=sum(stored.size for stored in left)))
        assert problems(listed(store, entry)) == {
            record_path(record.segment): "does not name documents.parquet, which every segment has"
        }


class TestDeletions:
    @pytest.mark.parametrize(
        ("positions", "deleted", "says"),
        [
            ([1, 2], 3, "deletes 2 documents of segment {segment}, its list says 3"),
            ([1, 12], 2, "holds positions that segment {segment} of 12 documents does not have"),
            ([-1, 2], 2, "holds positions that segment {segment} of 12 documents does not have"),
            ([2, 1], 2, "holds positions that segment {segment} of 12 documents does not have"),
        ],
    )
    def test_a_vector_that_does_not_fit(
        self, store: Catalogue, positions: Sequence[int], deleted: int, says: str
    ) -> None:
        digest = write_deletions(store.objects, np.array(positions))
        entry = SegmentEntry.of(write(store, TEXTS)).without(digest, deleted)
        assert problems(listed(store, entry)) == {f"deletions/{digest}": says.format(segment=entry.segment)}

    def test_deleted_documents_without_a_vector(self, store: Catalogue) -> None:
        entry = replace(SegmentEntry.of(write(store, TEXTS)), deleted=1)
        found = problems(listed(store, entry))
        assert found == {record_path(entry.segment): "is listed with 1 documents deleted and no deletion vector"}


class TestIds:
    def test_an_id_that_lives_twice_is_named_with_both_places(self, store: Catalogue) -> None:
        first = put(put(store, TEXTS), {"x": "x"})
        entry = SegmentEntry.of(write(store, {"y": "y", "doc-4": "another text"}))
        second = listed(first, entry)
        (other,) = (e.segment for e in first.entries if e.documents == len(TEXTS))
        # Whichever of the two comes second in the order of key hash and birth: here, the younger.
        assert problems(second) == {
            f"{attempt_path(entry.segment, entry.attempt)}/documents.parquet": (
                f"document doc-4 is live in segment {other} too, in snapshot 3"
            )
        }
        assert verify(Objects.open(store.uri), 2, deep=True).findings == ()

    def test_an_id_twice_in_one_segment_is_named(self, store: Catalogue) -> None:
        block = block_of(store.spec, TEXTS)
        twice = FeatureBlock.concatenate([block, block.slice(3, 4)])
        record = write_segment(store.objects, "5e" * 16, twice, store.spec, EncodingCounts(1, 1), codec="none")
        found = problems(listed(store, SegmentEntry.of(record)))
        assert found == {
            f"{attempt_path(record.segment, record.attempt)}/documents.parquet": (
                f"document doc-3 is live in segment {record.segment} too, in snapshot 1"
            )
        }

    def test_an_id_that_moved_from_segment_to_segment_lives_once(self, store: Catalogue) -> None:
        for text in ("a", "b", "c", "b", "a"):
            store = put(store, {**TEXTS, "doc-4": text})
        assert verify(Objects.open(store.uri), deep=True).findings == ()


class TestNoStore:
    """A clear line each, and nothing changed."""

    def test_a_folder_that_is_none(self, root: str) -> None:
        objects = Objects.open(f"{root}/empty", make=True)
        with pytest.raises(UsageError, match=r"empty: no store here \(no store.json\); encore encode makes one"):
            verify(Objects.open(objects.uri))
        assert list(objects.walk()) == []

    def test_a_folder_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="nowhere: no such directory"):
            verify(Objects.open(str(tmp_path / "nowhere")))
        assert not (tmp_path / "nowhere").exists()

    def test_a_newer_format(self, store: Catalogue) -> None:
        data = store.objects.get("store.json").replace(b'"format_version": 1', b'"format_version": 2')
        store.objects.put("store.json", data)
        with pytest.raises(StoreError, match=r"store.json: format version 2; this release reads version 1: upgrade"):
            verify(Objects.open(store.uri))
        assert store.objects.get("store.json") == data

    def test_a_store_that_lost_its_description_is_still_checked(self, store: Catalogue) -> None:
        store = put(store, TEXTS)
        store.objects.delete(["store.json"])
        (shard,) = (path for path, _ in store.objects.walk() if "/features/c/" in path)
        store.objects.put(shard, store.objects.get(shard)[:-1])
        found = problems(store)
        assert found.keys() == {"store.json", shard}
        assert found["store.json"] == "missing"


def test_what_is_found_says_what_to_do(store: Catalogue) -> None:
    store = put(store, TEXTS)
    (shard,) = (path for path, _ in store.objects.walk() if "/features/c/" in path)
    store.objects.delete([shard])
    (finding,) = verify(Objects.open(store.uri)).findings
    assert (finding.object, finding.problem) == (store.objects.name(shard), "missing")
    assert finding.action == "run encore repair, or restore it from a copy of the store"


class TestAfterwards:
    def test_lost_features_are_made_again_as_the_guide_says(self, store: Catalogue) -> None:
        """Delete the documents of the damaged segment, encode, compact, vacuum."""
        store = put(put(store, TEXTS), MORE)
        (lost,) = (entry for entry in store.entries if entry.documents == len(TEXTS))
        store.objects.delete([f"{attempt_path(lost.segment, lost.attempt)}/features/c/0/0"])
        delete(store, store.live_index(lost)["doc_id"])
        put(Catalogue.open(store.uri), TEXTS)
        compact(Catalogue.open(store.uri), target_bytes=1)
        mended = Catalogue.open(store.uri)
        assert held(mended) == expected({**TEXTS, **MORE}, store.spec)
        assert verify(Objects.open(store.uri), mended.version, deep=True).findings == ()
        assert verify(Objects.open(store.uri)).findings != ()
        vacuum(store.objects, age_limit=timedelta(0))
        found = verify(Objects.open(store.uri), deep=True)
        assert (found.findings, found.unreferenced) == ((), 0)
        assert found.snapshots == (mended.version, mended.version + 1)

    def test_a_store_that_was_compacted_and_vacuumed_is_clean(self, store: Catalogue) -> None:
        for i in range(6):
            store = put(store, {**TEXTS, f"new-{i}": f"{i}", "doc-3": f"text {i}"})
            if i == 2:
                add_tag(store.objects, "v1", store.version)
        delete(store, ["doc-5"], block=True)
        compact(Catalogue.open(store.uri))
        before = verify(Objects.open(store.uri), deep=True)
        assert before.findings == ()
        vacuum(store.objects, age_limit=timedelta(0))
        after = verify(Objects.open(store.uri), deep=True)
        assert (after.findings, after.unreferenced) == ((), 0)
        assert after.snapshots == (3, before.snapshots[-1], before.snapshots[-1] + 1)
        assert after.objects < before.objects
