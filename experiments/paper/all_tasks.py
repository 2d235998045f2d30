"""Table 3 (e): the encoder and the heads that were trained jointly on all tasks, without any further training."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from encore.encoders.training import TrainingSettings, settle_position
from encore.experiments.bench import FeatureSetting, Say, TaskData
from encore.experiments.paper.joint_encoder import joint_encoder, settings_document
from encore.experiments.paper.outcome import Outcome
from encore.experiments.paper.request import Experiment, ExperimentRequest
from encore.experiments.paper.task_features import accuracy_of, encode_documents
from encore.experiments.training import TrainingDisplay
from encore.heads import Evaluation, Head, Scorer
from encore.pipelines.progress import ProgressDisplay

NAME = "all-tasks"
SETTINGS = {
    "cls": FeatureSetting("joint/last/cls", "LAST-LAYER / CLS, heads trained jointly", "last", "cls", "cls"),
    "mean": FeatureSetting(
        "joint/last/mean", "LAST-LAYER / POSITION-AVG, heads trained jointly", "last", "mean", "mean"
    ),
}
"""Pooling that the heads read → row of the table."""


def run_all_tasks(
    request: ExperimentRequest,
    training: TrainingSettings,
    say: Say,
    display: ProgressDisplay,
    training_display: TrainingDisplay,
) -> Outcome:
    """Measure the jointly trained heads of one encoder for each seed. Finished cells are not measured again.

    Raises:
        UsageError, DataError: the tasks or the encoder cannot be used; raised before any long work.
        JobError: an encoding or a training did not finish.
    """
    # The heads need the features of the training. The encoder's number type is part of the fingerprint.
    experiment = Experiment.start(replace(request, dtype="float32"), every_task=True)
    training = training.for_encoder(experiment.encoder)
    setting = SETTINGS[settle_position(training.position, experiment.encoder)]
    cells = experiment.cells(NAME, training=settings_document(training))
    for seed in range(request.seeds):
        label = f"all-seed{seed}"
        keys = {name: _key(experiment.data[name], label, setting, seed) for name in request.measured.names}
        missing = [name for name, key in keys.items() if cells.get(key) is None]
        if not missing:
            continue
        settings = replace(training, seed=seed)
        folder = joint_encoder(experiment, label, request.tasks.names, settings, say, training_display)
        for name in missing:
            found = _JointTask(experiment, experiment.data[name], folder, label, setting, display).measure()
            cells.put(keys[name], found)
            say(f"{name}, {label}: {found['accuracy']:.4f}")
    return Outcome.of(NAME, experiment, [cells], (setting,))


def _key(data: TaskData, label: str, setting: FeatureSetting, seed: int) -> dict[str, Any]:
    return {"task": data.task.name, "data": data.digest, "encoder": label, "setting": setting.name, "seed": seed}


@dataclass(frozen=True, eq=False)
class _JointTask:
    """One task's dev documents. The joint encoder encodes them, and the head that was trained with it scores them."""

    experiment: Experiment
    data: TaskData
    encoder: Path
    label: str
    setting: FeatureSetting
    display: ProgressDisplay

    def measure(self) -> dict[str, Any]:
        data = self.data
        folder = self.experiment.request.out / "stores" / NAME / self.label / data.task.name
        corpus = folder / "corpus.parquet"
        corpus.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(data.dev.table.drop_columns(["label"]), corpus)
        store = encode_documents(
            self.experiment, data, corpus, folder / "dev", str(self.encoder), self.setting, self.display
        )
        head = Head.load(self.encoder / "heads" / data.task.name)
        labels, missing = data.dev.labels.partition(store.contains(data.dev.labels.doc_ids))
        scores = Scorer([head], store.spec).score(store.gather(labels.doc_ids))[0]
        predicted = scores.probabilities.argmax(axis=1).astype(np.int64)
        evaluation = Evaluation.of(labels.codes(head.classes), predicted, head.classes)
        found = {
            **accuracy_of(evaluation, len(data.train)),
            "not_stored": len(missing),
            "group": data.task.group,
            "layers": self.setting.layers,
            "positions": self.setting.positions,
            "pooling": self.setting.pooling,
            "quantizer": store.spec.quantizer.request,
            "tokens_per_document": store.manifest.counts["tokens"] / len(store),
            "bytes_per_document": float(store.spec.row_bytes),
            "fingerprint": store.spec.fingerprint,
        }
        shutil.rmtree(folder)
        return found
