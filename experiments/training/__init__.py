"""Encoders trained for experiments: jointly on many tasks, or end to end for one."""

from encore.experiments.training.display import TrainingDisplay, training_display_for
from encore.experiments.training.multitask import MultitaskRequest, MultitaskResult, train_multitask
from encore.experiments.training.single_task import FinetunedEpoch, FinetuneSettings, finetune

__all__ = [
    "FinetuneSettings",
    "FinetunedEpoch",
    "MultitaskRequest",
    "MultitaskResult",
    "TrainingDisplay",
    "finetune",
    "train_multitask",
    "training_display_for",
]
