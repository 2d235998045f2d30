"""Encoders trained for experiments: jointly on many tasks, or end to end for one."""

from encore.experiments.training.display import TrainingDisplay, training_display_for
from encore.experiments.training.multitask import MultitaskRequest, MultitaskResult, train_multitask
from encore.experiments.training.single_task import SingleTaskEpoch, SingleTaskSettings, finetune

__all__ = [
    "MultitaskRequest",
    "MultitaskResult",
    "SingleTaskEpoch",
    "SingleTaskSettings",
    "TrainingDisplay",
    "finetune",
    "train_multitask",
    "training_display_for",
]
