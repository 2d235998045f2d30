from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

import encore.experiments.training.multitask
from encore.encoders import Encoder, FeatureExtractor, load_encoder
from encore.encoders.training import JointTraining, StepReport, TrainingSettings
from encore.encoders.training.forward import pooled_batch
from encore.experiments.bench.task_data import read_task
from encore.experiments.training.display import SilentTraining
from encore.experiments.training.multitask import MultitaskRequest, train_multitask
from encore.featurestore import Catalogue, StoreError, UsageError
from encore.heads import Head, Scorer
from encore.heads.model.registry import kind_of
from encore.pipelines.corpus import CorpusColumns
from encore.pipelines.predict_job import PredictRequest, predict
from tests.experiments.tiny_tasks import registry
from tests.pipelines.jobs import encoder as tiny_encoder
from tests.pipelines.jobs import run_encode

SETTINGS = TrainingSettings(steps=8, learning_rate=1e-3, samples=8)


def request_for(folder: Path, out: str = "joint", **more: Any) -> MultitaskRequest:
    asked = {"encoder": tiny_encoder(), "settings": SETTINGS, "device": "cpu", "checkpoint_steps": 2, **more}
    return MultitaskRequest(registry(folder), folder / out, **asked)


@pytest.fixture
def trainings(monkeypatch: pytest.MonkeyPatch) -> list[JointTraining]:
    """Every training that `train_multitask` makes, as it is in memory."""
    made: list[JointTraining] = []

    def build(*arguments: Any) -> JointTraining:
        made.append(JointTraining(*arguments))
        return made[-1]

    monkeypatch.setattr(encore.experiments.training.multitask, "JointTraining", build)
    return made


class KilledError(Exception):
    pass


class KilledAfter(SilentTraining):
    """A display that ends the process, as it were, after a step."""

    def __init__(self, number: int) -> None:
        self.number = number

    def show(self, step: StepReport) -> None:
        if step.number == self.number:
            raise KilledError


class RecordingDisplay(SilentTraining):
    """A display that keeps what it is shown."""

    def __init__(self) -> None:
        self.seen: list[Any] = []

    def begin(self, title: str, done: int, steps: int, tasks: Sequence[str]) -> None:
        self.seen.append((done, steps, tuple(tasks)))

    def show(self, step: StepReport) -> None:
        self.seen.append(step.number)

    def measure(self, task: str) -> None:
        self.seen.append(task)


def same_tensors(a: Path, b: Path) -> bool:
    return (a / "model.safetensors").read_bytes() == (b / "model.safetensors").read_bytes()


@pytest.mark.parametrize(("asked", "position"), [(None, "cls"), ("cls", "cls"), ("mean", "mean")])
def test_the_saved_encoder_and_heads_answer_as_those_in_memory(
    tmp_path: Path, trainings: list[JointTraining], asked: str | None, position: str
):
    request = request_for(tmp_path, settings=replace(SETTINGS, position=asked))
    result = train_multitask(request)
    (trained,) = trainings
    encoder = load_encoder(str(result.out), device="cpu")
    trained.encoder.model.eval()
    for task in request.tasks.tasks:
        documents = read_task(task).dev.documents
        head = Head.load(result.out / "heads" / task.name)
        assert head.spec.encoder == encoder.spec
        assert (head.spec.positions, kind_of(head.model.pooling)) == (position, position)
        extractor = FeatureExtractor(encoder, head.spec)
        features = extractor.extract(documents).features
        tokens = extractor._tokenizer.tokenize(documents)
        with torch.inference_mode():
            pooled = pooled_batch(trained.encoder, tokens, np.arange(len(documents)), position, "float32")
            expected = trained.heads[task.name].eval()(pooled).softmax(dim=1)
        decoded = head.spec.quantizer.dequantize(torch.from_numpy(features.packed), 32)
        torch.testing.assert_close(decoded, pooled, rtol=2e-3, atol=1e-3)
        scores = Scorer([head], head.spec).score(features)[0]
        np.testing.assert_allclose(scores.probabilities, expected.numpy(), atol=2e-3)


def test_the_weights_have_moved_and_the_heads_have_learned(tmp_path: Path):
    result = train_multitask(request_for(tmp_path, settings=replace(SETTINGS, steps=40)))
    assert result.encoder.weights != load_encoder(tiny_encoder(), device="cpu").spec.weights
    assert result.encoder.tokenizer == load_encoder(tiny_encoder(), device="cpu").spec.tokenizer
    assert all(found.accuracy >= 0.9 for found in result.evaluations.values())


def test_predict_and_backfill_take_the_heads(tmp_path: Path):
    request = request_for(tmp_path)
    result = train_multitask(request)
    folder = str(result.out / "heads" / "same")
    dev = str(tmp_path / "same-dev.parquet")
    predicted = predict(PredictRequest((dev,), (folder,), columns=CorpusColumns(pair="other"), device="cpu"))
    assert predicted.table.num_rows == 20
    truth = ["no", "yes"] * 10
    right = sum(a == b for a, b in zip(predicted.table["label"].to_pylist(), truth, strict=True))
    assert right / 20 == pytest.approx(result.evaluations["same"].accuracy)
    report = run_encode(
        tmp_path / "store",
        dev,
        encoder=str(result.out),
        layers="last",
        positions="cls",
        quantizer="float16",
        max_length=64,
        columns=CorpusColumns(pair="other"),
    )
    assert report.exit_code == 0
    head = Head.load(folder)
    head.require(Catalogue.open(str(tmp_path / "store")).spec)
    assert head.trained_on is not None
    ids = [pq.read_table(tmp_path / f"same-{part}.parquet")["doc_id"] for part in ("train", "dev")]
    assert [head.trained_on.count(column) for column in ids] == [40, 0]


@pytest.mark.parametrize("killed", [3, 8])
def test_an_interrupted_training_ends_as_an_uninterrupted_one(tmp_path: Path, killed: int):
    whole = train_multitask(request_for(tmp_path, "whole"))
    request = request_for(tmp_path, "joint")
    with pytest.raises(KilledError):
        train_multitask(request, KilledAfter(killed))
    assert request.checkpoint.is_file()
    assert not request.out.exists()
    display = RecordingDisplay()
    resumed = train_multitask(request, display)
    done = killed // 2 * 2
    assert display.seen == [(done, 8, ("tone", "same")), *range(done + 1, 9), "tone", "same"]
    assert resumed.resumed_after == done
    assert same_tensors(whole.out, resumed.out)
    assert resumed.encoder == whole.encoder
    assert resumed.provenance["losses"] == whole.provenance["losses"]
    assert sorted(path.name for path in tmp_path.iterdir() if "joint" in path.name) == ["joint"]


def test_a_kill_while_the_encoder_is_written_leaves_no_half_written_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    request = request_for(tmp_path)

    def killed(*_: Any) -> None:
        raise KilledError

    with monkeypatch.context() as patch:
        patch.setattr(Head, "save", killed)
        with pytest.raises(KilledError):
            train_multitask(request)
    assert not request.out.exists()
    assert train_multitask(request).resumed_after == 8


def test_what_is_there_already_is_not_written_over(tmp_path: Path, trainings: list[JointTraining]):
    request = request_for(tmp_path)
    request.out.mkdir()
    (request.out / "config.json").write_text("{}")
    with pytest.raises(UsageError, match="joint: is there already; give a new directory"):
        train_multitask(request)
    assert trainings == []


def test_a_checkpoint_of_another_request_is_not_used(tmp_path: Path):
    request = request_for(tmp_path)
    with pytest.raises(KilledError):
        train_multitask(request, KilledAfter(4))
    with pytest.raises(UsageError, match=r"joint\.checkpoint\.safetensors: of another training: tasks differ"):
        train_multitask(replace(request, train_rows=39))


def test_a_damaged_checkpoint_says_what_to_do(tmp_path: Path):
    request = request_for(tmp_path)
    request.checkpoint.write_bytes(b"no checkpoint")
    with pytest.raises(StoreError, match=r"damaged: .*; remove it to start afresh"):
        train_multitask(request)


def test_the_provenance_says_what_was_trained_on_and_how(tmp_path: Path):
    result = train_multitask(request_for(tmp_path, train_rows=30, dev_rows=10))
    written = json.loads((result.out / "provenance.json").read_text())
    assert written == json.loads(json.dumps(result.provenance))
    source = load_encoder(tiny_encoder(), device="cpu").spec
    assert (written["source"]["weights"], written["source"]["source"]) == (source.weights, source.source)
    assert list(written["tasks"]) == ["tone", "same"]
    tone = written["tasks"]["tone"]
    assert (tone["train_documents"], tone["dev_documents"], tone["classes"], tone["weight"]) == (30, 10, 2, 0.5)
    assert tone["dev_accuracy"] == result.evaluations["tone"].accuracy
    assert written["settings"]["steps"] == 8
    assert written["settings"]["precision"] == "float32"
    assert [window["step"] for window in written["losses"]] == list(range(1, 9))
    head = Head.load(result.out / "heads" / "tone")
    assert head.training["jointly_with"] == ["same"]
    assert head.evaluation == result.evaluations["tone"]


def test_the_seed_decides_the_heads_initial_weights(tmp_path: Path, trainings: list[JointTraining]):
    def first_weights(out: str, seed: int) -> torch.Tensor:
        with pytest.raises(KilledError):
            train_multitask(
                request_for(tmp_path, out, settings=replace(SETTINGS, seed=seed, learning_rate=1e-12)), KilledAfter(1)
            )
        return trainings[-1].heads["tone"].hidden.weight.detach().clone()

    torch.manual_seed(1)
    first = first_weights("a", 0)
    torch.manual_seed(2)
    torch.testing.assert_close(first_weights("b", 0), first)
    assert not torch.allclose(first_weights("c", 1), first)


def test_an_encoder_without_a_pair_template_is_refused_before_any_text_is_tokenized(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def without_template(*arguments: Any, **more: Any) -> Encoder:
        loaded = load_encoder(*arguments, **more)
        loaded.tokenizer.post_processor = None
        return loaded

    def unwanted(*arguments: Any) -> None:
        raise AssertionError("tokenized")

    monkeypatch.setattr(encore.experiments.training.multitask, "load_encoder", without_template)
    monkeypatch.setattr(encore.experiments.training.multitask, "_examples", unwanted)
    with pytest.raises(UsageError, match="no pair template"):
        train_multitask(request_for(tmp_path))
