from __future__ import annotations

from pathlib import Path

import pytest

from encore.encoders import load_encoder
from encore.experiments.bench.task_data import read_task
from encore.experiments.training.single_task import SingleTaskEpoch, SingleTaskSettings, finetune
from encore.featurestore import UsageError
from tests.experiments.tiny_tasks import registry
from tests.pipelines.jobs import encoder

SETTINGS = SingleTaskSettings(epochs=5, batch_size=16, learning_rate=1e-3)


def test_a_learnable_task_is_learned_and_the_best_epoch_kept(tmp_path: Path):
    data = read_task(registry(tmp_path).tasks[0])
    seen: list[SingleTaskEpoch] = []
    before = load_encoder(encoder(), device="cpu").spec.weights
    found = finetune(encoder(), data, 2, SETTINGS, device="cpu", on_epoch=seen.append)
    assert list(found.epochs) == seen
    assert [epoch.number for epoch in seen] == [1, 2, 3, 4, 5]
    assert seen[-1].loss < seen[0].loss
    assert found.best.dev_accuracy == max(epoch.dev_accuracy for epoch in seen) >= 0.9
    assert found.best == next(epoch for epoch in seen if epoch.dev_accuracy == found.best.dev_accuracy)
    assert found.evaluation.accuracy == found.best.dev_accuracy
    assert load_encoder(encoder(), device="cpu").spec.weights == before


def test_the_same_seed_gives_the_same_epochs(tmp_path: Path):
    data = read_task(registry(tmp_path).tasks[1], train_rows=10)
    settings = SingleTaskSettings(epochs=2, batch_size=8, learning_rate=1e-3)

    def losses(seed: int) -> list[float]:
        return [epoch.loss for epoch in finetune(encoder(), data, seed, settings, device="cpu").epochs]

    assert losses(0) == losses(0) != losses(1)


def test_epochs_end_where_all_documents_have_been_seen():
    settings = SingleTaskSettings(epochs=3, batch_size=32)
    # 70 documents are 2.1875 batches: the third step begins the second epoch, too.
    assert [settings.last_step(epoch, 70) for epoch in (1, 2, 3)] == [3, 5, 7]
    assert settings.training(70, seed=4).steps == 7
    assert settings.training(70, seed=4).samples == 32


def test_fewer_documents_than_a_batch_still_make_epochs(tmp_path: Path):
    data = read_task(registry(tmp_path).tasks[0], train_rows=10)
    found = finetune(encoder(), data, 0, SingleTaskSettings(epochs=4, batch_size=32), device="cpu")
    assert len(found.epochs) == 4


def test_no_epoch_is_refused():
    with pytest.raises(UsageError, match="epochs 0"):
        SingleTaskSettings(epochs=0)
