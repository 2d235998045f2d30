"""A store holds what was put into it, snapshot by snapshot, and says so when it cannot."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from encore.featurestore import (
    INDEX_SCHEMA,
    Catalogue,
    Change,
    FeatureSpec,
    SpecMismatch,
    StoreError,
    UsageError,
    commit,
)
from encore.featurestore.format import seal
from encore.featurestore.quantizers import UInt8
from encore.featurestore.rewriting.deletion import delete
from encore.featurestore.segments import writer
from encore.featurestore.segments.entries import SegmentEntry
from encore.featurestore.segments.writer import EncodingCounts, write_segment
from encore.featurestore.storage.objects import Objects
from tests.featurestore.building import ENCODER, block_of, expected, features_of, held, put, spec_of, write

TEXTS = {f"doc-{i}": f"text {i}" for i in range(12)}
MORE = {f"doc-{i}": f"text {i}" for i in range(12, 20)}
TENSOR = UInt8("per-tensor", "min-max", scale=(0.25,), zero_point=(100,))


@pytest.fixture(params=["local", "s3"])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return str(tmp_path) if request.param == "local" else str(request.getfixturevalue("s3_bucket"))


def kept_store(store: Catalogue, *writer: tuple[Mapping[str, str], Mapping[str, pa.Array]]) -> Catalogue:
    """A store of one segment for each (texts, kept columns)."""
    entries = [SegmentEntry.of(write(store, texts, kept)) for texts, kept in writer]
    return commit(store, Change(store.version, "encode", entries))


class TestWhole:
    """The life of a store, local and on S3."""

    @pytest.mark.parametrize("spec", [spec_of("sign"), spec_of("float16", "stack:2"), spec_of().with_quantizer(TENSOR)])
    def test_what_was_put_is_scanned_gathered_and_listed(self, root: str, spec: FeatureSpec) -> None:
        Catalogue.create(f"{root}/store", spec)
        first = put(Catalogue.open(f"{root}/store"), TEXTS)
        changed = {**TEXTS, **MORE, "doc-3": "another text"}
        second = put(first, changed, prune=frozenset({"doc-0"}))
        del changed["doc-0"]

        opened = Catalogue.open(f"{root}/store")
        assert (opened.version, opened.uri, opened.spec) == (2, f"{root}/store", spec)
        assert opened.manifest == second.manifest
        assert held(opened) == expected(changed, spec)
        assert len(opened) == len(changed) == opened.manifest.counts["documents"]
        assert opened.documents()["doc_id"].to_pylist() == [
            *(name for name in TEXTS if name not in ("doc-0", "doc-3")),
            *({"doc-3": 1, **MORE}),
        ]
        assert opened.contains(["doc-3", "doc-0", "nothing"]).tolist() == [True, False, False]
        block = opened.gather(["doc-19", "doc-3", "doc-1", "doc-3"])
        assert block.doc_ids.to_pylist() == ["doc-19", "doc-3", "doc-1", "doc-3"]
        wanted = [features_of(text, spec) for text in ("text 19", "another text", "text 1", "another text")]
        assert block.packed.tobytes() == b"".join(rows.tobytes() for rows in wanted)
        assert block.lengths.tolist() == list(map(len, wanted))

        past = Catalogue.open(f"{root}/store", snapshot=1)
        assert held(past) == expected(TEXTS, spec)
        assert past.digest() == first.digest() != opened.digest()
        assert past.gather(["doc-0"]).packed.tobytes() == features_of("text 0", spec).tobytes()


class TestOpening:
    def test_an_empty_store_holds_nothing(self, store: Catalogue) -> None:
        assert (store.version, len(store), bool(store), store.entries) == (0, 0, True, [])
        assert list(store.scan()) == []
        assert store.documents().schema == INDEX_SCHEMA
        assert store.contains(["a"]).tolist() == [False]
        assert len(store.gather([])) == 0
        assert store.gather([]).packed.shape == (0, 2)
        assert store.digest() == "0" * 64
        assert held(Catalogue.open(store.uri, snapshot=0)) == {}

    def test_creating_it_again_opens_it(self, store: Catalogue) -> None:
        put(store, TEXTS)
        again = Catalogue.create(store.uri, spec_of())
        assert (again.version, again.store_id) == (1, store.store_id)

    def test_every_catalogue_of_a_store_finds_the_newest(self, store: Catalogue) -> None:
        first = put(store, TEXTS)
        second = put(first, MORE)
        assert [it.newest().manifest for it in (store, first, second)] == [second.manifest] * 3

    def test_its_name_is_its_own(self, store: Catalogue, tmp_path: Path) -> None:
        other = Catalogue.create(str(tmp_path / "other"), spec_of())
        assert other.store_id != store.store_id
        assert Catalogue.open(store.uri).store_id == store.store_id

    def test_another_request_is_refused_and_nothing_written(self, store: Catalogue) -> None:
        before = sorted(store.objects.walk())
        with pytest.raises(SpecMismatch, match=r"layers +mean:4  \|  mean:3") as raised:
            Catalogue.create(store.uri, spec_of(layers="mean:3"))
        assert raised.value.exit_code == 2
        assert sorted(store.objects.walk()) == before

    def test_the_calibration_of_the_first_writer_is_in_force(self, tmp_path: Path) -> None:
        spec = spec_of().with_quantizer(TENSOR)
        Catalogue.create(str(tmp_path), spec)
        late = Catalogue.create(str(tmp_path), spec.with_quantizer(replace(TENSOR, scale=(0.5,))))
        assert late.spec.quantizer == TENSOR

    def test_a_spec_without_calibration_makes_no_store(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="has not been calibrated"):
            Catalogue.create(str(tmp_path / "store"), spec_of("uint8"))
        assert not (tmp_path / "store/store.json").exists()

    def test_provenance_may_differ(self, store: Catalogue) -> None:
        elsewhere = replace(store.spec, encoder=replace(ENCODER, name="copy", source="/elsewhere"))
        assert Catalogue.create(store.uri, elsewhere).spec.encoder.name == "tiny"

    def test_where_there_is_none_the_error_says_what_makes_one(self, root: str, tmp_path: Path) -> None:
        Objects.open(f"{root}/empty", make=True)
        with pytest.raises(
            UsageError, match=r"empty: no store here \(no store.json\); encore encode makes one"
        ) as raised:
            Catalogue.open(f"{root}/empty")
        assert raised.value.exit_code == 2
        with pytest.raises(UsageError, match="nowhere: no such directory"):
            Catalogue.open(str(tmp_path / "nowhere"))

    def test_an_unknown_snapshot_is_refused(self, store: Catalogue) -> None:
        with pytest.raises(UsageError, match="no snapshot 3; the newest is 0"):
            Catalogue.open(store.uri, snapshot=3)

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda d: b"", "damaged: "),
            (lambda d: b"\xff\xfe", "damaged: "),
            (lambda d: b"[]", "damaged: not the description of a store"),
            (lambda d: b"{}", "damaged: not the description of a store"),
            (lambda d: d.replace(b'"format_version": 1', b'"format_version": 2'), "format version 2; this release"),
            (lambda d: d.replace(b'"mean:4"', b'"mean:3"'), "damaged: the spec does not match its fingerprint"),
            (lambda d: d.replace(b'"mean:4"', b'"mean:9"'), "damaged: the spec cannot be read"),
            (lambda d: d.replace(b'"layers"', b'"layer_"'), "damaged: the spec cannot be read"),
            (lambda d: d.replace(b'"request": "sign"', b'"request": "uint8"'), "damaged: the spec cannot be read"),
            (lambda d: d.replace(b'"request": "sign"', b'"request": 7'), "damaged: the spec cannot be read"),
        ],
    )  # fmt: skip
    def test_a_damaged_or_newer_store_is_named(self, store: Catalogue, change: object, message: str) -> None:
        """Under a checksum that fits, as a stranger may have written it."""
        document = json.loads(store.objects.get("store.json"))
        data = json.dumps({key: value for key, value in document.items() if key != "checksum"}, indent=1).encode()
        damaged = change(data)  # type: ignore[operator]
        assert damaged != data
        with suppress(ValueError, TypeError):
            damaged = seal(json.loads(damaged))
        store.objects.put("store.json", damaged)
        with pytest.raises(StoreError, match=f"{store.uri}/store.json: {message}") as raised:
            Catalogue.open(store.uri)
        assert raised.value.exit_code == 1
        assert "\n" not in str(raised.value)

    def test_no_byte_of_store_json_changes_unseen(self, store: Catalogue) -> None:
        data = store.objects.get("store.json")
        store.objects.put("store.json", data.replace(b'"store_id": "', b'"store_id": "0'))
        with pytest.raises(StoreError, match=r"store\.json: damaged: its bytes do not match the checksum in it"):
            Catalogue.open(store.uri)

    def test_store_json_says_who_made_it(self, store: Catalogue) -> None:
        document = json.loads(store.objects.get("store.json"))
        assert document["format"] == "encore-store"
        assert document["fingerprint"] == store.spec.fingerprint
        assert set(document["created_by"]) == {"encore-featurestore", "torch", "zarr", "pyarrow"}


class TestNames:
    """Places and ids as Python callers may give them."""

    def test_one_id_by_itself_is_one_and_so_is_a_column(self, tmp_path: Path) -> None:
        there = put(Catalogue.create(str(tmp_path / "store"), spec_of()), TEXTS)
        assert there.contains("doc-3").tolist() == [True]
        assert there.gather("doc-3").doc_ids.to_pylist() == ["doc-3"]
        assert there.documents("doc_id") == there.documents(["doc_id"])
        assert delete(there, "doc-3").missing == ()
        assert "doc-3" not in Catalogue.open(there.uri).documents("doc_id")["doc_id"].to_pylist()

    def test_a_store_is_opened_by_a_path(self, tmp_path: Path) -> None:
        Catalogue.create(str(tmp_path / "store"), spec_of())
        assert Catalogue.open(tmp_path / "store").uri == str(tmp_path / "store")

    def test_a_store_says_what_it_is_in_one_line(self, tmp_path: Path) -> None:
        there = put(Catalogue.create(str(tmp_path / "store"), spec_of()), TEXTS)
        features = f"{ENCODER.name} mean:4 tokens sign"
        assert (
            repr(there) == f"Catalogue('{tmp_path}/store', snapshot=1, documents={len(TEXTS)}, features='{features}')"
        )


class TestDocuments:
    def test_the_index_is_that_of_the_blocks_that_were_written(self, store: Catalogue) -> None:
        assert put(store, TEXTS).documents().to_pydict() == block_of(store.spec, TEXTS).index.to_pydict()

    def test_a_segment_without_a_column_of_the_store_s_own_is_damaged(
        self, store: Catalogue, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(writer, "INDEX_SCHEMA", pa.schema([it for it in INDEX_SCHEMA if it.name != "n_first_tokens"]))
            block = block_of(store.spec, TEXTS)
            block = replace(block, index=block.index.drop_columns(["n_first_tokens"]))
            name = store.segment_for(block.index)
            record = write_segment(store.objects, name, block, store.spec, EncodingCounts(0, 0), codec="none")
        store = commit(store, Change(store.version, "encode", [SegmentEntry.of(record)]))
        with pytest.raises(StoreError, match=r"documents\.parquet: damaged: no column n_first_tokens"):
            store.documents()

    def test_columns_are_those_asked_for_in_their_order(self, store: Catalogue) -> None:
        store = kept_store(store, (TEXTS, {"topic": pa.array(["a"] * 12)}))
        assert store.documents().column_names == [*INDEX_SCHEMA.names, "topic"]
        assert store.documents(["topic", "doc_id"]).column_names == ["topic", "doc_id"]

    def test_kept_columns_that_differ_between_segments_are_joined(self, store: Catalogue) -> None:
        store = kept_store(
            store,
            (TEXTS, {"year": pa.array([2020] * 12, pa.int32()), "topic": pa.array(["a"] * 12)}),
            (MORE, {"year": pa.array([0.5] * 8)}),
            ({"x": "x"}, {"year": pa.nulls(1), "source": pa.array(["web"])}),
        )
        table = store.documents()
        assert table.column_names == [*INDEX_SCHEMA.names, "year", "topic", "source"]
        assert table["year"].to_pylist() == [2020.0] * 12 + [0.5] * 8 + [None]
        assert table["topic"].to_pylist() == ["a"] * 12 + [None] * 9
        assert table["source"].to_pylist() == [None] * 20 + ["web"]
        assert store.documents(["source"]).num_rows == 21
        assert list(store.kept_columns()) == [table.schema.field(name) for name in ("year", "topic", "source")]

    def test_without_kept_columns_there_are_none(self, store: Catalogue) -> None:
        assert list(store.kept_columns()) == list(put(store, TEXTS).kept_columns()) == []

    def test_types_with_nothing_in_common_are_read_as_strings(self, store: Catalogue) -> None:
        store = kept_store(store, ({"a": "a"}, {"year": pa.array([2020])}), ({"b": "b"}, {"year": pa.array(["20xx"])}))
        assert store.documents()["year"].to_pylist() == ["2020", "20xx"]

    def test_features_are_read_without_the_kept_columns(self, store: Catalogue) -> None:
        store = kept_store(store, ({"a": "a"}, {"year": pa.array([2020])}), ({"b": "b"}, {"year": pa.array(["20xx"])}))
        blocks = [store.gather(["b", "a"]), store.gather_positions(np.array([1, 0])), *store.scan()]
        assert [block.index.column_names for block in blocks] == [INDEX_SCHEMA.names] * 4

    def test_a_column_that_no_segment_has_is_refused(self, store: Catalogue) -> None:
        store = kept_store(store, (TEXTS, {"topic": pa.array(["a"] * 12)}))
        with pytest.raises(
            UsageError, match=r"no column topics, years in the document index; it has doc_id, .*, topic"
        ):
            store.documents(["doc_id", "topics", "years"])


class TestDigest:
    def test_it_does_not_see_segments(self, tmp_path: Path) -> None:
        spec = spec_of("float16")
        one, many = (Catalogue.create(str(tmp_path / name), spec) for name in ("one", "many"))
        one = put(one, TEXTS)
        for doc_id in reversed(TEXTS):
            many = put(many, {doc_id: TEXTS[doc_id]})
        assert len(many.entries) == len(TEXTS)
        assert many.digest() == one.digest()

    def test_it_does_not_see_what_was_deleted(self, tmp_path: Path, store: Catalogue) -> None:
        other = put(Catalogue.create(str(tmp_path / "other"), store.spec), TEXTS)
        store = put(put(store, {**TEXTS, "x": "x", "doc-1": "old"}), TEXTS, prune=frozenset({"x"}))
        assert store.digest() == other.digest()
        assert store.digest() != put(store, {"doc-1": "new"}).digest()


class TestDamage:
    """What a list says and what lies there must agree."""

    def test_a_segment_that_holds_something_else_is_named(self, store: Catalogue) -> None:
        store = put(store, TEXTS)
        entry = replace(store.entries[0], documents=11)
        with pytest.raises(StoreError, match=rf"/{entry.segment}/.*offsets/zarr.json: .*13 rows .* its list says 12"):
            list(store.features.scan_segment(entry))

    def test_a_missing_deletion_vector_is_named(self, store: Catalogue) -> None:
        store = put(put(store, TEXTS), {}, prune=frozenset({"doc-1"}))
        store.objects.delete([path for path, _ in store.objects.walk("deletions")])
        with pytest.raises(StoreError, match=r"/deletions/[0-9a-f]{32}: missing"):
            list(Catalogue.open(store.uri).scan())

    def test_a_missing_segment_is_named_by_every_way_of_reading(self, store: Catalogue) -> None:
        store = put(store, TEXTS)
        store.objects.delete([path for path, _ in store.objects.walk("segments") if path.endswith("documents.parquet")])
        for read in (lambda: list(store.scan()), lambda: store.gather(["doc-1"]), store.documents, store.digest):
            with pytest.raises(StoreError, match=f"/segments/{store.entries[0].segment}/.*documents.parquet: missing"):
                read()
