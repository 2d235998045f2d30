"""Table 3 (c) and (d): heads on an encoder that was not trained on their task (c), or on their group of tasks (d)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from encore.encoders.training import TrainingSettings
from encore.experiments.bench import FeatureSetting, Say, layer_average, quantized
from encore.experiments.paper.frozen_encoder import poolings_of
from encore.experiments.paper.joint_encoder import joint_encoder, settings_document
from encore.experiments.paper.outcome import Outcome
from encore.experiments.paper.request import Experiment, ExperimentRequest
from encore.experiments.paper.task_features import FrozenTask
from encore.experiments.training import TrainingDisplay
from encore.featurestore import parse_quantizer
from encore.featurestore.common import settle_fields
from encore.pipelines.progress import ProgressDisplay

LOO = "loo"
GROUP_OUT = "group-out"
QUANTIZERS = ("uint8", "sign")


@dataclass(frozen=True)
class LeaveOutPlan:
    """What a leave-one-out experiment trains and measures beside the sizes.

    Attributes:
        training: settings of the encoders' training.
        quantizers: for `run_loo`: quantizers of the features averaged over layers, beside float16.
        groups: for `run_group_out`: groups to leave out, one after another; empty means all.

    Raises:
        UsageError: an unknown quantizer.
    """

    training: TrainingSettings = field(default_factory=TrainingSettings)
    quantizers: tuple[str, ...] = QUANTIZERS
    groups: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        settle_fields(self)
        for text in self.quantizers:
            parse_quantizer(text)


def run_loo(
    request: ExperimentRequest, plan: LeaveOutPlan, say: Say, display: ProgressDisplay, training: TrainingDisplay
) -> Outcome:
    """Measure every task on an encoder trained jointly on all others (paper, section 6.2.2 and 6.3).

    Raises:
        UsageError, DataError: the tasks or the encoder cannot be used; raised before any long work.
        JobError: an encoding or a training did not finish.
    """
    experiment = Experiment.start(request, every_task=True)
    plan = replace(plan, training=plan.training.for_encoder(experiment.encoder))
    for name in request.measured.names:
        request.tasks.without([name])
    settings = poolings_of(experiment, say)
    average = layer_average(experiment.mean_layers)
    settings += tuple(quantized(average, quantizer) for quantizer in plan.quantizers)
    cells = experiment.cells(LOO, training=settings_document(plan.training))
    measured = _Measurement(experiment, plan, say, display, training)
    for name in request.measured.names:
        measured.on_encoder_without([name], f"without-{name}", LOO, settings, [name])
    return Outcome.of(LOO, experiment, [cells], settings, paired=average.name)


def run_group_out(
    request: ExperimentRequest, plan: LeaveOutPlan, say: Say, display: ProgressDisplay, training: TrainingDisplay
) -> Outcome:
    """Measure every task on an encoder trained jointly on the tasks of all other groups (paper, section 6.4).

    Raises:
        UsageError, DataError: an unknown group, or tasks or an encoder that cannot be used; before any long work.
        JobError: an encoding or a training did not finish.
    """
    groups = request.tasks.of_groups(plan.groups).groups
    left_out = {group: request.tasks.of_groups([group]).names for group in groups}
    for names in left_out.values():
        request.tasks.without(names)
    experiment = Experiment.start(request, every_task=True)
    plan = replace(plan, training=plan.training.for_encoder(experiment.encoder))
    settings = (layer_average(experiment.mean_layers),)
    cells = experiment.cells(GROUP_OUT, training=settings_document(plan.training))
    measured = _Measurement(experiment, plan, say, display, training)
    for group, names in left_out.items():
        wanted = [name for name in names if name in request.measured.names]
        # Leaving out a group of one task is leaving out that task: the encoder is the same.
        label = f"without-{names[0]}" if len(names) == 1 else f"without-group-{group}"
        if wanted:
            measured.on_encoder_without(names, label, GROUP_OUT, settings, wanted)
    return Outcome.of(GROUP_OUT, experiment, [cells], settings)


@dataclass(frozen=True, eq=False)
class _Measurement:
    """Trains the encoders that missing cells need, and measures these cells."""

    experiment: Experiment
    plan: LeaveOutPlan
    say: Say
    display: ProgressDisplay
    training: TrainingDisplay

    def on_encoder_without(
        self,
        left_out: Sequence[str],
        label: str,
        name: str,
        settings: Sequence[FeatureSetting],
        tasks: Sequence[str],
    ) -> None:
        """Measure ``tasks`` on the encoder that has not seen ``left_out``."""
        experiment, plan = self.experiment, self.plan
        cells = experiment.cells(name, training=settings_document(plan.training))
        others = experiment.request.tasks.without(left_out).names
        folder = experiment.request.out / "encoders" / label
        frozen = [
            FrozenTask(experiment, cells, experiment.data[task], str(folder), label, self.say, self.display)
            for task in tasks
        ]
        if not any(task.missing(settings) for task in frozen):
            return
        joint_encoder(experiment, label, others, plan.training, self.say, self.training)
        for task in frozen:
            task.measure(settings)
