"""Names and numbers out of stored files match their pattern as a whole. Others are damage before anything uses them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from encore.featurestore import Catalogue, StoreError
from encore.featurestore.format import seal
from encore.featurestore.format.names import (
    COUNT_LIMIT,
    SHORT,
    all_match,
    is_below_attempt,
    is_count,
    is_long,
    is_short,
)
from encore.featurestore.history.tags import add_tag, read_tags
from encore.featurestore.history.versions import EntryList, Manifest, list_path
from encore.featurestore.removal.vacuum import vacuum
from encore.featurestore.segments.entries import entry_problem, entry_table
from encore.featurestore.segments.records import SegmentRecord
from encore.featurestore.segments.writer import read_record
from encore.featurestore.storage import Objects
from encore.featurestore.verification.store import verify
from tests.featurestore.building import held, put, spec_of

ID, DIGEST = "0123456789abcdef" * 2, "0123456789abcdef" * 4
NO_IDS = ["", "x", "..", "../" + ID, f"{ID}/..", ID + "\n", ID[:-1], ID + "0", ID.upper(), ID[:-1] + "٣", None, 3, [ID]]


@pytest.mark.parametrize("name", NO_IDS)
def test_a_name_is_of_its_pattern_as_a_whole(name: object) -> None:
    assert is_short(ID)
    assert is_long(DIGEST)
    assert not is_short(name)
    assert not is_long(name if not isinstance(name, str) else name.replace(ID, DIGEST))
    if isinstance(name, str):
        assert not all_match(pa.chunked_array([[ID, name]]), SHORT)
    assert all_match(pa.chunked_array([[ID, None], []], pa.string()), SHORT)


@pytest.mark.parametrize(
    "path", ["zarr.json", "features/zarr.json", "features/c/0/0", "offsets/c/0", "documents.parquet"]
)
def test_objects_of_a_segment_are_those_that_it_has(path: str) -> None:
    assert is_below_attempt(path)
    for other in (f"../{path}", f"/{path}", f"x/{path}", f"{path}/..", f"{path}\n", f"{path}/", path.upper()):
        assert not is_below_attempt(other)


@pytest.mark.parametrize("value", [-1, COUNT_LIMIT, 10**30, True, 1.0, float("nan"), "1", None, [1]])
def test_numbers_count_something(value: object) -> None:
    assert not is_count(value)
    assert is_count(0)
    assert is_count(COUNT_LIMIT - 1)


@pytest.fixture
def store(tmp_path: Path) -> Catalogue:
    store = put(Catalogue.create(str(tmp_path / "store"), spec_of()), {"a": "1", "b": "2"})
    return put(store, {}, prune=frozenset({"b"}))


class TestLists:
    CHANGES: ClassVar = [
        {"segment": "../../elsewhere"},
        {"segment": ID + "\n"},
        {"attempt": "../x"},
        {"attempt": ""},
        {"record": ID},
        {"deletions": "../x"},
        {"documents": -1},
        {"rows": COUNT_LIMIT},
        {"stored_bytes": -1},
        {"deleted": 3},
        {"documents": 1 << 40},
    ]

    @pytest.mark.parametrize("change", CHANGES, ids=str)
    def test_with_another_name_or_number_are_damage_and_nothing_is_done(
        self, tmp_path: Path, store: Catalogue, change: dict[str, Any]
    ) -> None:
        entries = [replace(store.entries[0], **change)]
        table = entry_table(entries).append_column("removed", pa.array([False]))
        published(store, table)
        name = store.objects.name(list_path(digest_of(table)))
        before = everything(tmp_path)
        changed = Catalogue.open(store.uri)
        for work in (
            lambda: held(changed),
            changed.documents,
            lambda: put(changed, {"c": "3"}),
            lambda: vacuum(changed.objects, age_limit=timedelta(0)),
        ):
            with pytest.raises(StoreError, match=r"/lists/[0-9a-f]{64}.parquet: damaged: "):
                work()
        assert name in {finding.object for finding in verify(Objects.open(store.uri)).findings}
        # What a job had begun to write is all that is new.
        assert before.items() <= everything(tmp_path).items()

    @pytest.mark.parametrize(
        "change",
        [
            lambda t: t.drop_columns(["deleted"]),
            lambda t: t.set_column(0, "segment", pa.array([7])),
            lambda t: t.set_column(0, "segment", pa.array([None], pa.string())),
            lambda t: pa.concat_tables([t, t]),
        ],
    )
    def test_of_other_columns_or_rows_are_damage(
        self, store: Catalogue, change: Callable[[pa.Table], pa.Table]
    ) -> None:
        table = entry_table(store.entries).append_column("removed", pa.array([False]))
        published(store, change(table))
        with pytest.raises(StoreError, match=r"/lists/[0-9a-f]{64}.parquet: damaged: "):
            _ = Catalogue.open(store.uri).entries

    def test_of_names_as_they_are_written_are_sound(self, store: Catalogue) -> None:
        assert entry_problem(entry_table(store.entries)) is None
        assert entry_problem(entry_table([])) is None


def published(store: Catalogue, table: pa.Table) -> None:
    """Publish a manifest that names a list of these rows."""
    data = bytes_of(table)
    store.objects.put(list_path(digest_of(table)), data)
    lists = (EntryList(digest_of(table), 1),)
    manifest = replace(store.manifest, version=store.version + 1, parent=store.version, lists=lists)
    store.objects.put(f"manifests/{manifest.version:020d}.json", manifest.to_bytes())


def bytes_of(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    return sink.getvalue().to_pybytes()


def digest_of(table: pa.Table) -> str:
    return hashlib.sha256(bytes_of(table)).hexdigest()


def everything(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


MANIFEST = Manifest(1, 0, ID, "2026-11-28T01:00:00+00:00", "encode", (EntryList(DIGEST, 3),), {"documents": 3})


@pytest.mark.parametrize(
    "change",
    [
        {"version": -1},
        {"version": "1"},
        {"version": True},
        {"parent": 1e300},
        {"write_id": None},
        {"committed_at": 3},
        {"operation": ["encode"]},
        {"lists": [{"digest": "../../x", "entries": 1}]},
        {"lists": [{"digest": DIGEST, "entries": -1}]},
        {"lists": [{"digest": DIGEST, "entries": "1"}]},
        {"lists": [{"digest": DIGEST, "entries": 1}] * 2},
        {"lists": {"digest": DIGEST}},
        {"lists": 7},
        {"counts": {"documents": -1}},
        {"counts": {"documents": float("nan")}},
        {"counts": [1]},
        {"more": 1},
    ],
    ids=str,
)
def test_a_manifest_of_other_values_is_damage(change: dict[str, Any]) -> None:
    document = {"format_version": 1} | asdict(MANIFEST)
    assert Manifest.from_bytes(seal(document), "m") == MANIFEST
    with pytest.raises(StoreError, match=r"^m: not a manifest: "):
        Manifest.from_bytes(seal(document | change), "m")


OBJECT = {"path": "features/c/0/0", "size": 5, "sha256": DIGEST}


@pytest.mark.parametrize(
    "change",
    [
        {"segment": "../x"},
        {"attempt": "../x"},
        {"spec": ID},
        {"objects": [OBJECT | {"path": "../../x"}]},
        {"objects": [OBJECT | {"size": -1}]},
        {"objects": [OBJECT | {"size": 1e9}]},
        {"objects": [OBJECT | {"sha256": "x"}]},
        {"objects": [OBJECT, OBJECT]},
        {"sources": [[ID, "../x"]]},
        {"sources": [["../x", None]]},
        {"documents": -1},
        {"tokens": "many"},
        {"payload_bytes": 10**40},
        {"rejected": [{"position": -1, "stage": "encode", "reason": "why"}]},
        {"rejected": [{"position": 1, "stage": "encode", "reason": None}]},
    ],
    ids=str,
)
def test_a_record_of_other_values_is_damage(change: dict[str, Any]) -> None:
    record = SegmentRecord(ID, ID, DIGEST, 1, 2, 3, 4, 0, 0, 16, 5, ())
    document = json.loads(record.to_bytes()) | {"objects": [OBJECT], "sources": [[ID, None]]}
    assert SegmentRecord.parse(json.dumps(document).encode(), "r").objects[0].size == 5
    with pytest.raises(StoreError, match=r"^r: not a completion record: .*; run encore repair"):
        SegmentRecord.parse(json.dumps(document | change).encode(), "r")


def test_a_record_under_another_segment_s_name_is_damage(store: Catalogue) -> None:
    data = store.objects.get(f"segments/{store.entries[0].segment}.json")
    store.objects.put(f"segments/{ID}.json", data)
    with pytest.raises(StoreError, match=rf"/segments/{ID}.json: damaged: says that it is the record of segment "):
        read_record(store.objects, ID)


@pytest.mark.parametrize("snapshot", [0, -1, True, 1.0, "1", None, 10**40, float("nan")])
def test_a_tag_names_a_snapshot(store: Catalogue, snapshot: object) -> None:
    add_tag(store.objects, "v1", 1)
    assert read_tags(store.objects) == {"v1": 1}
    document = {"format_version": 1, "snapshot": snapshot, "created_at": "2026-11-28T01:00:00+00:00"}
    store.objects.put("tags/v1.json", seal(document))
    with pytest.raises(StoreError, match=r"/tags/v1.json: damaged: names no snapshot"):
        read_tags(store.objects)


NESTED = b'{"a": ' * 100_000 + b"1" + b"}" * 100_000


@pytest.mark.parametrize("path", ["store.json", f"manifests/{2:020d}.json", "tags/v1.json", "segments/{segment}.json"])
def test_json_that_lies_too_deep_in_itself_is_damage(store: Catalogue, path: str) -> None:
    add_tag(store.objects, "v1", 1)
    path = path.format(segment=store.entries[0].segment)
    entry = replace(store.entries[0], record=hashlib.sha256(NESTED).hexdigest())
    store.objects.put(path, NESTED)

    def read() -> None:
        opened = Catalogue.open(store.uri, "v1" if path.startswith("tags/") else None)
        _ = opened.reader(entry).record

    with pytest.raises(StoreError, match=rf"/{path}: "):
        read()
    assert {finding.object for finding in verify(Objects.open(store.uri)).findings} >= {store.objects.name(path)}
