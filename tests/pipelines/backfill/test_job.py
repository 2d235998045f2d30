from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from encore.featurestore import Catalogue, Change, FeatureSpec, SpecMismatch, StoreError, UsageError, commit
from encore.featurestore.feature_reader import FeatureReader
from encore.featurestore.storage.objects import Objects
from encore.heads import HeadModel, Labels, Scorer, TrainSettings
from encore.heads.scoring import scorer
from encore.heads.scoring.device import DeviceScoring
from encore.heads.training.store import TrainRequest, train_from_store
from encore.pipelines.backfill.job import BackfillRequest, backfill
from encore.pipelines.corpus import CorpusColumns
from encore.pipelines.predict_job import PredictRequest, predict
from encore.pipelines.predictions import PredictionsFolder
from tests.encoders.architectures import named, save
from tests.models import tiny_bert
from tests.pipelines.backfill.trained_heads import answers, run_backfill, train
from tests.pipelines.jobs import ONE_WORKER, run_encode, texts, write_corpus
from tests.templates import copied

COUNT = 60


@pytest.fixture
def corpus(tmp_path: Path) -> str:
    return write_corpus(tmp_path / "a.parquet", texts(COUNT))


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("template")
    run_encode(folder, write_corpus(folder.parent / "a.parquet", texts(COUNT)), unit_rows=20)
    return folder


@pytest.fixture
def store(template: Path, tmp_path: Path) -> Catalogue:
    return Catalogue.open(str(copied(template, tmp_path / "store")))


def test_every_stored_document_gets_the_answer_that_the_head_gives(store: Catalogue, tmp_path: Path) -> None:
    head = train(store, tmp_path)
    report = run_backfill(store, tmp_path, "parity")
    assert (report.exit_code, report.document["documents"]["scored"]) == (0, COUNT)
    block = store.gather([f"d{i}" for i in range(COUNT)])
    (scores,) = Scorer([head], store.spec).score(block)
    found = answers(tmp_path, "parity")
    assert set(found) == set(block.doc_ids.to_pylist())
    for row, doc_id in enumerate(block.doc_ids.to_pylist()):
        label, score = found[doc_id]
        assert label == head.classes[int(scores.probabilities[row].argmax())]
        assert score == pytest.approx(float(scores.probabilities[row].max()), abs=1e-6)


def test_many_heads_in_one_pass_give_what_each_gives_alone(store: Catalogue, tmp_path: Path) -> None:
    for task, pooling in (("one", "attention"), ("two", "mean"), ("three", "cls")):
        train(store, tmp_path, task, poolings=(pooling,), seeds=(len(task),))
    run_backfill(store, tmp_path, "one", "two", "three", probabilities=True)
    for task in ("one", "two", "three"):
        backfill(
            BackfillRequest(store.uri, (str(tmp_path / task),), str(tmp_path / f"alone-{task}"), probabilities=True)
        )
        alone = PredictionsFolder.open(str(tmp_path / f"alone-{task}")).read(task).sort_by("doc_id")
        together = PredictionsFolder.open(str(tmp_path / "out")).read(task).sort_by("doc_id")
        flat = (np.stack(t["probabilities"].to_pylist()) for t in (alone, together))
        np.testing.assert_allclose(*flat, atol=1e-6)


def test_workers_share_heads_that_are_prepared_on_a_device(
    store: Catalogue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The device's way of scoring, on the processor."""
    for task, pooling in (("one", "attention"), ("two", "mean"), ("three", "attention")):
        train(store, tmp_path, task, poolings=(pooling,), seeds=(len(task),))
    run_backfill(store, tmp_path, "one", "two", "three")
    usual = {task: answers(tmp_path, task) for task in ("one", "two", "three")}
    prepared: list[torch.device] = []

    def elsewhere(models: Sequence[HeadModel], spec: FeatureSpec) -> DeviceScoring:
        prepared.append(torch.device("cpu"))
        return DeviceScoring(models, spec, prepared[-1])

    monkeypatch.setattr(scorer, "ProcessorScoring", elsewhere)
    (tmp_path / "out").rename(tmp_path / "usual")
    report = run_backfill(store, tmp_path, "one", "two", "three", options=("--direct_num_workers=3",))
    assert (report.document["device"], report.document["dtype"]) == ("cpu", "float32")
    assert len(prepared) == 1
    for task, labels in usual.items():
        found = answers(tmp_path, task)
        assert {doc_id: label for doc_id, (label, _) in found.items()} == {
            key: label for key, (label, _) in labels.items()
        }
        assert [found[key][1] for key in labels] == pytest.approx([score for _, score in labels.values()], abs=1e-5)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"device": "cuda"}, "device cuda: this machine has no CUDA device"),
        ({"device": "tpu"}, "device 'tpu': expected auto, cpu, cuda"),
        ({"device": "cpu", "dtype": "float16"}, "dtype float16 on the CPU"),
        ({"device": "cpu", "dtype": "bfloat16"}, "dtype 'bfloat16': expected float32 or float16"),
        ({"device": "cpu", "dtype": "half"}, "dtype 'half'"),
    ],
)
def test_a_device_or_a_type_that_is_not_there_is_refused_before_any_work(
    store: Catalogue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: dict[str, str], message: str
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    train(store, tmp_path)
    with pytest.raises(UsageError, match=message):
        run_backfill(store, tmp_path, "parity", **asked)
    assert not (tmp_path / "out").exists()


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_a_cuda_device_gives_the_answers_of_the_processor(store: Catalogue, tmp_path: Path, dtype: str) -> None:
    train(store, tmp_path)
    run_backfill(store, tmp_path, "parity")
    usual = answers(tmp_path, "parity")
    (tmp_path / "out").rename(tmp_path / "usual")
    options = ("--direct_num_workers=3",)
    report = run_backfill(store, tmp_path, "parity", options=options, device="auto", dtype=dtype)
    assert (report.document["device"], report.document["dtype"]) == ("cuda", dtype)
    found = answers(tmp_path, "parity")
    assert [found[key][1] for key in usual] == pytest.approx([score for _, score in usual.values()], abs=0.01)


def test_only_what_is_not_scored_yet_is_scored(store: Catalogue, tmp_path: Path, corpus: str) -> None:
    train(store, tmp_path)
    run_backfill(store, tmp_path, "parity")
    again = run_backfill(store, tmp_path, "parity")
    assert (again.document["documents"]["scored"], again.document["committed"]) == (0, False)
    run_encode(store.uri, corpus, write_corpus(tmp_path / "b.parquet", texts(15, start=COUNT)), unit_rows=20)
    grown = run_backfill(store, tmp_path, "parity")
    assert grown.document["documents"]["scored"] == 15
    train(store, tmp_path, "second", seeds=(5,))
    both = run_backfill(store, tmp_path, "parity", "second")
    assert both.document["documents"]["scored"] == COUNT + 15
    assert len(answers(tmp_path, "parity")) == len(answers(tmp_path, "second")) == COUNT + 15


def test_changed_documents_are_scored_anew_and_the_others_are_carried_over(store: Catalogue, tmp_path: Path) -> None:
    train(store, tmp_path)
    run_backfill(store, tmp_path, "parity")
    before = answers(tmp_path, "parity")
    changed = [{"doc_id": "d3", "text": "quite another text"}]
    run_encode(store.uri, write_corpus(tmp_path / "b.parquet", changed))
    report = run_backfill(store, tmp_path, "parity")
    assert report.document["documents"]["scored"] == 1
    assert report.document["documents"]["carried"] == 19
    after = answers(tmp_path, "parity")
    assert set(after) == set(before)
    assert {doc_id for doc_id in after if after[doc_id] != before[doc_id]} == {"d3"}


def test_deleted_documents_lose_their_predictions(store: Catalogue, tmp_path: Path) -> None:
    train(store, tmp_path)
    run_backfill(store, tmp_path, "parity")
    first, second, _ = store.entries
    commit(store, Change(store.version, "prune", dropped={first.segment: np.arange(20), second.segment: np.array([4])}))
    report = run_backfill(store, tmp_path, "parity")
    assert report.document["documents"]["scored"] == 0
    assert len(answers(tmp_path, "parity")) == COUNT - 21


def test_an_older_snapshot_can_be_scored(store: Catalogue, tmp_path: Path) -> None:
    train(store, tmp_path)
    run_encode(store.uri, write_corpus(tmp_path / "b.parquet", texts(15, start=COUNT)))
    run_backfill(store, tmp_path, "parity", snapshot=1)
    assert len(answers(tmp_path, "parity")) == COUNT


def test_a_backfill_that_stopped_before_its_commit_is_resumed(
    store: Catalogue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(store, tmp_path)

    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(PredictionsFolder, "publish", stop)
    with pytest.raises(KeyboardInterrupt):
        run_backfill(store, tmp_path, "parity")
    monkeypatch.undo()
    report = run_backfill(store, tmp_path, "parity")
    assert report.document["documents"]["scored"] == 0
    assert report.document["documents"]["adopted"] == COUNT
    assert len(answers(tmp_path, "parity")) == COUNT


def test_a_segment_that_cannot_be_scored_fails_alone(
    store: Catalogue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(store, tmp_path)
    whole = FeatureReader.scan_segment

    def broken(self: FeatureReader, entry: object, *words: object) -> object:
        if entry == store.entries[1]:
            raise StoreError("features: damaged")
        return whole(self, entry, *words)  # type: ignore[arg-type]

    monkeypatch.setattr(FeatureReader, "scan_segment", broken)
    report = run_backfill(store, tmp_path, "parity")
    assert report.exit_code == 1
    assert report.document["failures"] == {"1": {"stage": "read", "reason": "StoreError: features: damaged"}}
    assert len(answers(tmp_path, "parity")) == COUNT - 20
    monkeypatch.undo()
    assert run_backfill(store, tmp_path, "parity").document["documents"]["scored"] == 20
    assert len(answers(tmp_path, "parity")) == COUNT


def test_bundles_that_run_twice_leave_each_prediction_once(store: Catalogue, tmp_path: Path) -> None:
    train(store, tmp_path)
    report = run_backfill(store, tmp_path, "parity", options=("--direct_runner_bundle_repeat=1",))
    assert report.document["documents"]["scored"] == COUNT
    assert len(answers(tmp_path, "parity")) == COUNT


def test_a_head_of_other_features_is_refused_and_nothing_is_scored(
    store: Catalogue, tmp_path: Path, corpus: str
) -> None:
    train(store, tmp_path)
    run_encode(tmp_path / "other", corpus, layers="last")
    with pytest.raises(SpecMismatch, match=r"layers +mean:3 +\| +last"):
        run_backfill(Catalogue.open(str(tmp_path / "other")), tmp_path, "parity")
    assert not (tmp_path / "out").exists()


def test_a_damaged_head_is_refused_and_nothing_is_scored(store: Catalogue, tmp_path: Path) -> None:
    train(store, tmp_path)
    weights = tmp_path / "parity" / "weights.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    with pytest.raises(StoreError, match="parity: damaged"):
        run_backfill(store, tmp_path, "parity")
    assert not (tmp_path / "out").exists()


def test_predictions_of_two_stores_do_not_mix(store: Catalogue, tmp_path: Path, corpus: str) -> None:
    train(store, tmp_path)
    run_backfill(store, tmp_path, "parity")
    run_encode(tmp_path / "twin", corpus)
    with pytest.raises(UsageError, match="another store"):
        run_backfill(Catalogue.open(str(tmp_path / "twin")), tmp_path, "parity")
    with pytest.raises(UsageError, match="without probabilities"):
        run_backfill(store, tmp_path, "parity", probabilities=True)


def test_predict_on_the_text_of_stored_documents_equals_backfill(store: Catalogue, tmp_path: Path, corpus: str) -> None:
    for task in ("parity", "second"):
        train(store, tmp_path, task, seeds=(len(task),))
    run_backfill(store, tmp_path, "parity", "second")
    predicted = predict(
        PredictRequest((corpus,), tuple(str(tmp_path / task) for task in ("parity", "second")), device="cpu")
    )
    for task in ("parity", "second"):
        rows = [row for row in predicted.table.to_pylist() if row["head"].startswith(f"{task}@")]
        stored = answers(tmp_path, task)
        assert {row["doc_id"]: row["label"] for row in rows} == {doc_id: label for doc_id, (label, _) in stored.items()}
        for row in rows:
            assert row["score"] == pytest.approx(stored[row["doc_id"]][1], abs=1e-5)


@pytest.mark.parametrize(("name", "equal"), [("FNet", True), ("XLNet", False)])
def test_one_text_at_a_time_equals_backfill_where_padding_could_show(name: str, equal: bool, tmp_path: Path) -> None:
    row = named(name)
    encoder = str(save(row, tmp_path / "encoder"))
    rows = [{"doc_id": f"d{i}", "text": " ".join("abcdefgh"[i % 3 : 1 + i % 8] or "z")} for i in range(COUNT)]
    encoding = {"encoder": encoder, "positions": "mean", "quantizer": "float16", "max_length": 40}
    report = run_encode(tmp_path / "store", write_corpus(tmp_path / "a.parquet", rows), **encoding)
    assert report.document["equal_lengths"] == equal
    train(Catalogue.open(str(tmp_path / "store")), tmp_path)
    run_backfill(Catalogue.open(str(tmp_path / "store")), tmp_path, "parity")
    stored = answers(tmp_path, "parity")
    for row_ in rows[:8]:
        corpus = write_corpus(tmp_path / "one.parquet", [row_])
        predicted = predict(PredictRequest((corpus,), (str(tmp_path / "parity"),), device="cpu")).table.to_pylist()
        assert [(p["doc_id"], p["label"]) for p in predicted] == [(row_["doc_id"], stored[row_["doc_id"]][0])]
        assert predicted[0]["score"] == pytest.approx(stored[row_["doc_id"]][1], abs=1e-4)


def test_predict_names_what_it_rejects(store: Catalogue, tmp_path: Path) -> None:
    train(store, tmp_path)
    odd = write_corpus(
        tmp_path / "odd.parquet", [*texts(3), {"doc_id": "e", "text": ""}, {"doc_id": "z", "text": "\u200b"}]
    )
    predicted = predict(PredictRequest((odd,), (str(tmp_path / "parity"),), device="cpu"))
    assert predicted.table.num_rows == 3
    assert {(letter.doc_id, letter.stage, letter.reason, letter.row) for letter in predicted.dead} == {
        ("e", "validate", "empty text", 3),
        ("z", "tokenize", "no tokens", 4),
    }


def test_predict_refuses_an_encoder_that_has_changed(store: Catalogue, tmp_path: Path, corpus: str) -> None:
    train(store, tmp_path)
    other = str(tiny_bert(tmp_path / "other", seed=7))
    with pytest.raises(SpecMismatch, match=r"encoder\.weights"):
        predict(PredictRequest((corpus,), (str(tmp_path / "parity"),), encoder=other, device="cpu"))


def test_store_heads_and_predictions_may_lie_on_s3(
    store: Catalogue, tmp_path: Path, s3_bucket: str, corpus: str
) -> None:
    run_encode(f"{s3_bucket}/store", corpus, unit_rows=20)
    far = Catalogue.open(f"{s3_bucket}/store")
    train(far, tmp_path)
    report = backfill(
        BackfillRequest(far.uri, (str(tmp_path / "parity"),), f"{s3_bucket}/out"), beam_options=ONE_WORKER
    )
    assert report.document["documents"]["scored"] == COUNT
    assert PredictionsFolder.open(f"{s3_bucket}/out").read("parity").num_rows == COUNT
    kept = json.loads(Objects.open(f"{s3_bucket}/out").get(f"runs/{report.document['run']}/report.json"))
    assert kept["documents"]["scored"] == COUNT


def test_plain_parquet_readers_see_the_predictions(store: Catalogue, tmp_path: Path) -> None:
    head = train(store, tmp_path)
    run_backfill(store, tmp_path, "parity", probabilities=True)
    (folder,) = (tmp_path / "out").glob("head=*")
    table = pq.read_table(folder, partitioning=None)
    assert table.schema.names == ["doc_id", "label", "score", "probabilities"]
    assert table.num_rows == COUNT
    np.testing.assert_allclose(np.stack(table["probabilities"].to_pylist()).sum(axis=1), 1, atol=1e-5)
    assert folder.name == f"head=parity@{head.digest[:12]}"


def test_predict_keeps_the_probabilities_of_heads_with_different_classes(
    store: Catalogue, tmp_path: Path, corpus: str
) -> None:
    train(store, tmp_path)
    ids = [f"d{i}" for i in range(30)]
    table = pa.table({"doc_id": ids, "label": ["a", "b", "c"] * 10})
    labels = Labels.from_table(table, "doc_id", "label", "test")
    request = TrainRequest("three", labels, dev_share=0, settings=TrainSettings(epochs=1))
    train_from_store(store, request).head.save(tmp_path / "three")
    heads = tuple(str(tmp_path / task) for task in ("parity", "three"))
    predicted = predict(PredictRequest((corpus,), heads, device="cpu", probabilities=True)).table
    lengths = {row["head"].partition("@")[0]: len(row["probabilities"]) for row in predicted.to_pylist()}
    assert lengths == {"parity": 2, "three": 3}
    for row in predicted.to_pylist(maps_as_pydicts="strict"):
        assert row["score"] == row["probabilities"][row["label"]] == max(row["probabilities"].values())
        assert sum(row["probabilities"].values()) == pytest.approx(1, abs=1e-5)


def test_heads_of_pairs_are_refused_before_work_where_second_texts_are_not_known(
    store: Catalogue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pairs = [{**row, "pair": "another text"} for row in texts(COUNT)]
    uri = str(tmp_path / "pairs")
    run_encode(uri, write_corpus(tmp_path / "pairs.parquet", pairs), columns=CorpusColumns(pair="pair"))
    paired = Catalogue.open(uri)
    head = train(paired, tmp_path, "pair")
    assert head.model.of_pairs
    report = backfill(BackfillRequest(uri, (str(tmp_path / "pair"),), str(tmp_path / "out")))
    assert report.document["documents"]["scored"] == COUNT
    asked = PredictRequest((str(tmp_path / "pairs.parquet"),), (str(tmp_path / "pair"),), device="cpu")
    with pytest.raises(
        UsageError, match="compares the two texts of pairs; give a table, and name its column of second texts"
    ):
        predict(asked)
    predicted = predict(replace(asked, columns=CorpusColumns(pair="pair"))).table.sort_by("doc_id")
    stored = PredictionsFolder.open(str(tmp_path / "out")).read("pair").sort_by("doc_id")
    assert predicted["doc_id"].to_pylist() == stored["doc_id"].to_pylist()
    np.testing.assert_allclose(predicted["score"].to_numpy(), stored["score"].to_numpy(), atol=1e-5)
