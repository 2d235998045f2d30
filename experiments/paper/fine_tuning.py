"""Table 3 (a): every task fine-tuned end to end, from the plain encoder and from the leave-one-out one."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from encore.encoders.training import TrainingSettings, settle_position
from encore.experiments.bench import FeatureSetting, Say, TaskData
from encore.experiments.paper.joint_encoder import joint_encoder, settings_document
from encore.experiments.paper.outcome import Outcome
from encore.experiments.paper.request import Experiment, ExperimentRequest
from encore.experiments.paper.task_features import accuracy_of
from encore.experiments.training import SingleTaskEpoch, SingleTaskSettings, TrainingDisplay, finetune
from encore.featurestore import UsageError
from encore.featurestore.common import settle_fields

NAME = "finetune"
STARTS = {
    "plain": FeatureSetting("plain", "fine-tuned end to end", "last", "cls", "cls"),
    "loo": FeatureSetting("loo", "+ leave-one-task-out multi-task pre-training", "last", "cls", "cls"),
}
"""Where a fine-tuning starts: name → row of the table."""


@dataclass(frozen=True)
class FinetunePlan:
    """What to train, beside the sizes in the request.

    Attributes:
        settings: settings of the fine-tuning.
        training: settings of the training of leave-one-out encoders.
        starts: ``plain``, ``loo`` or both.

    Raises:
        UsageError: an unknown start.
    """

    settings: SingleTaskSettings = field(default_factory=SingleTaskSettings)
    training: TrainingSettings = field(default_factory=TrainingSettings)
    starts: tuple[str, ...] = tuple(STARTS)

    def __post_init__(self) -> None:
        settle_fields(self)
        unknown = [start for start in self.starts if start not in STARTS]
        if unknown or not self.starts:
            raise UsageError(f"start {', '.join(unknown) or 'none'}: expected {' or '.join(STARTS)}")


def run_finetune(
    request: ExperimentRequest, plan: FinetunePlan, say: Say, training_display: TrainingDisplay
) -> Outcome:
    """Fine-tune every task from every start, once for each seed. Finished cells are not measured again.

    All tasks run with one seed before the next seed starts, so that an interrupted run has every task.

    Raises:
        UsageError, DataError: the tasks or the encoder cannot be used; raised before any long work.
        JobError: a training diverged.
    """
    loo = "loo" in plan.starts
    experiment = Experiment.start(replace(request, dtype="float32"), every_task=loo)
    position = settle_position(plan.settings.position, experiment.encoder)
    training = plan.training.for_encoder(experiment.encoder)
    settings = replace(plan.settings, max_length=experiment.max_length, position=position)
    document = {"finetune": vars(settings), "training": settings_document(training) if loo else None}
    # Cells from the plain encoder do not depend on the leave-one-out training: each start has a folder of its own.
    stores = {
        start: experiment.cells(f"{NAME}-{start}", **(document if start == "loo" else {"finetune": vars(settings)}))
        for start in plan.starts
    }
    for seed in range(request.seeds):
        for start in plan.starts:
            for name in request.measured.names:
                data = experiment.data[name]
                key = {"task": name, "data": data.digest, "encoder": start, "setting": start, "seed": seed}
                if stores[start].get(key) is not None:
                    continue
                encoder = request.encoder
                if start == "loo":
                    others = request.tasks.without([name]).names
                    label = f"without-{name}"
                    encoder = str(joint_encoder(experiment, label, others, training, say, training_display))
                found = _fine_tuned(experiment, encoder, data, seed, settings, say)
                stores[start].put(key, found)
                say(f"{name}, from {start}, seed {seed}: {found['accuracy']:.4f} ({found['seconds']:.0f} s)")
    rows = [replace(STARTS[start], positions=position, pooling=position) for start in plan.starts]
    return Outcome.of(NAME, experiment, list(stores.values()), rows, per_task=True)


def _fine_tuned(
    experiment: Experiment, encoder: str, data: TaskData, seed: int, settings: SingleTaskSettings, say: Say
) -> dict[str, Any]:
    def on_epoch(epoch: SingleTaskEpoch) -> None:
        say(f"{data.task.name}: epoch {epoch.number}, loss {epoch.loss:.4f}, dev accuracy {epoch.dev_accuracy:.4f}")

    tuned = finetune(encoder, data, seed, settings, device=experiment.request.device, on_epoch=on_epoch)
    return {
        **accuracy_of(tuned.evaluation, len(data.train)),
        "group": data.task.group,
        "best_epoch": tuned.best.number,
        "epochs": len(tuned.epochs),
        "tokens_per_document": tuned.tokens_per_document,
        "seconds": round(tuned.seconds, 3),
    }
