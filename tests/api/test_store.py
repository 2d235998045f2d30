"""The handle of a store: what it shows, and what moves it."""

from __future__ import annotations

import inspect
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch

import encore
from encore.featurestore import Catalogue
from encore.heads.feature_dataset import DATASET_MEMORY
from tests.pipelines.jobs import encoder, run_encode, texts, write_corpus


def test_what_is_done_through_a_handle_moves_it(store: encore.Store) -> None:
    store.delete("d1")
    assert (store.snapshot, len(store), "d1" in store, "d2" in store) == (2, 39, False, True)
    compacted = store.compact()
    assert compacted["segments"] == {"before": 4, "after": 1}
    assert repr(compacted).startswith("<Report compact: snapshot before 2, snapshot after 3, ")
    assert (store.snapshot, len(store)) == (3, 39)
    encore.encode(pa.Table.from_pylist(texts(41)), store=store, encoder=encoder(), device="cpu")
    assert (store.snapshot, len(store)) == (4, 41)


def test_a_vacuum_removes_old_snapshots_and_forgets(store: encore.Store, labels: pa.Table, tmp_path: Path) -> None:
    head = encore.train(store, labels, task="topic", epochs=1)
    folder = encore.backfill(store, heads=head, out=tmp_path / "predictions").uri
    store.delete("d1")
    assert store.vacuum(older_than=0, dry_run=True)["removed"]["manifests"]["objects"] == 1
    assert store.snapshots().num_rows == 2
    done = store.vacuum(older_than=0, predictions=folder)
    assert (done["kept_snapshots"], len(done["predictions"])) == ([2], 1)
    assert repr(done).startswith("<Report vacuum: removed 1 object, ")
    with pytest.raises(
        encore.UsageError, match="with forget, only the newest snapshot and tagged ones stay; leave out keep_snapshots"
    ):
        store.vacuum(forget=True, keep_days=1)
    done = store.vacuum(older_than=0, forget=True, predictions=[folder])
    assert (done["complete"], done["rewritten"]["deleted_rows"], len(store)) == (True, 1, 39)
    assert store.snapshot == done["snapshot"]


def test_what_others_do_is_shown_after_a_refresh(store: encore.Store, tmp_path: Path) -> None:
    run_encode(store.uri, write_corpus(tmp_path / "more.parquet", texts(5, start=40)))
    assert (store.snapshot, len(store)) == (1, 40)
    assert store.refresh() is store
    assert (store.snapshot, len(store)) == (2, 45)


def test_a_handle_of_a_snapshot_that_was_named_stays_there(store: encore.Store) -> None:
    store.tag("first")
    for named in (1, "first"):
        fixed = encore.open_store(store, snapshot=named)
        fixed.delete(f"d{named}".replace("first", "2"))
        assert fixed.refresh().snapshot == 1
        assert len(fixed) == 40
    assert len(store.refresh()) == 38
    assert store.snapshots()["tags"].to_pylist() == [["first"], [], []]
    store.tag("first", remove=True)
    assert store.tags == {}


def test_a_job_reads_the_snapshot_that_its_handle_shows(store: encore.Store, labels: pa.Table, tmp_path: Path) -> None:
    before = encore.open_store(store, snapshot=1)
    store.delete("d0")
    assert encore.train(before, labels, task="topic", epochs=1).snapshot == 1
    head = encore.train(store, labels, task="topic", epochs=1)
    assert head.snapshot == 2
    assert encore.train(store, labels, task="topic", epochs=1, snapshot=1).snapshot == 1
    assert encore.backfill(before, heads=head, out=tmp_path / "a").to_arrow().num_rows == 40
    assert encore.backfill(store, heads=head, out=tmp_path / "b").to_arrow().num_rows == 39
    encore.derive(before, store=tmp_path / "derived", positions="cls")
    assert len(encore.open_store(tmp_path / "derived")) == 40


def test_vectors_are_the_stored_numbers_in_the_order_asked_for(store: encore.Store) -> None:
    catalogue = Catalogue.open(store.uri)
    block = catalogue.gather(["d7", "d3", "d7"])
    whole = store.spec.quantizer.dequantize(torch.from_numpy(block.packed), 32).numpy()
    vectors = store.vectors(["d7", "d3", "d7"])
    np.testing.assert_array_equal(np.concatenate(vectors), whole)
    assert [len(it) for it in vectors] == block.lengths.tolist()
    means = store.vectors(["d7", "d3", "d7"], pooled="mean")
    np.testing.assert_allclose(means, [it.mean(axis=0) for it in vectors], rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(store.vectors(["d7", "d3"], pooled="cls"), [it[0] for it in vectors[:2]])


def test_ids_are_one_or_several_and_columns_of_any_library(store: encore.Store) -> None:
    assert len(store.vectors("d12")) == 1
    for ids in (np.array(["d1", "d2"]), pa.chunked_array([["d1"], ["d2"]]), ("d1", "d2")):
        assert len(store.vectors(ids)) == 2
    assert store.vectors([]) == []
    with pytest.raises(encore.DataError, match="1 of 2 documents are not stored, for example x"):
        store.vectors(["d1", "x"])


def test_what_a_store_does_not_hold_cannot_be_pooled(store: encore.Store, tmp_path: Path) -> None:
    encore.derive(store, store=tmp_path / "first", positions="cls")
    first = encore.open_store(tmp_path / "first")
    assert first.vectors("d1")[0].shape == (1, 32)
    assert first.vectors("d1", pooled="cls").shape == (1, 32)
    with pytest.raises(encore.UsageError, match="one vector a document"):
        first.vectors("d1", pooled="mean")
    with pytest.raises(encore.UsageError, match="expected mean or cls"):
        store.vectors("d1", pooled="max")  # type: ignore[call-overload]


def test_a_stack_of_layers_gives_a_vector_for_each(tmp_path: Path) -> None:
    encore.encode(
        pa.Table.from_pylist(texts(3)), store=tmp_path / "stack", layers="stack:2", encoder=encoder(), device="cpu"
    )
    store = encore.open_store(tmp_path / "stack")
    assert store.vectors("d1")[0].shape[1:] == (2, 32)
    assert store.vectors(["d1", "d2"], pooled="mean").shape == (2, 2, 32)


def test_documents_leave_out_what_is_for_the_store_itself(store: encore.Store) -> None:
    assert store.documents().column_names == ["doc_id", "n_tokens", "truncated", "n_first_tokens"]
    assert store.documents("doc_id").column_names == ["doc_id"]
    with pytest.raises(encore.UsageError, match="no column nonesuch"):
        store.documents("nonesuch")


def test_a_job_that_refuses_too_much_says_so_and_leaves_an_empty_store(tmp_path: Path) -> None:
    corpus = pa.table({"doc_id": ["a", "b"], "text": ["a text", " "]})
    with pytest.raises(encore.JobError, match=r"encode: 1 document refused \(1 × validate: blank text\)") as raised:
        encore.encode(corpus, store=tmp_path / "s", encoder=encoder(), max_dead_letters=0)
    assert raised.value.report["dead_letters"]["within"] is False
    store = encore.open_store(tmp_path / "s")
    assert store
    assert (len(store), store.snapshot, store.vectors([])) == (0, 0, [])
    assert store.documents().num_rows == store.snapshots().num_rows == 0
    encore.encode(corpus, store=store, encoder=encoder(), max_dead_letters=0.5)
    assert (len(store), store.snapshot) == (1, 1)


def test_there_is_no_store_where_there_is_none(tmp_path: Path) -> None:
    with pytest.raises(encore.UsageError, match="no store here"):
        encore.open_store(tmp_path)


def test_damage_is_found_and_shown(store: encore.Store) -> None:
    victim = next(Path(store.uri).rglob("documents.parquet"))
    victim.write_bytes(victim.read_bytes()[:-1])
    found = store.verify()
    assert [victim.name in it["object"] for it in found["findings"]] == [True]
    assert "documents.parquet" in found._repr_html_()


def test_features_are_a_dataset_for_torch(store: encore.Store, labels: pa.Table) -> None:
    dataset = store.torch_dataset(labels)
    assert (len(dataset), dataset.classes) == (40, ("even", "odd"))
    features, code = dataset[3]
    np.testing.assert_array_equal(features.numpy(), store.vectors("d3")[0])
    assert code == 1
    assert store.torch_dataset(labels, pooled="mean")[3][0].shape == (32,)
    assert inspect.signature(store.torch_dataset).parameters["memory"].default == DATASET_MEMORY
