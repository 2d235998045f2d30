"""How the heads of a grid learn: in a stack or alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch

from encore.heads.batches import Batch
from encore.heads.gradients import can_stack
from encore.heads.model import HeadModel
from encore.heads.training.plain import PlainTrial
from encore.heads.training.stacks import StackedTrial, TrialStack, in_stacks
from encore.heads.training.trial import Trial


class Learner(Protocol):
    """Heads that learn together, on one thread at a time."""

    @property
    def trials(self) -> tuple[Trial, ...]:
        """The heads."""

    def learn(self, batch: Batch, targets: torch.Tensor) -> list[float]:
        """Take one step from a batch whose classes are ``targets`` (documents,). Return the mean loss of each head."""

    def logits(self, batch: Batch) -> torch.Tensor:
        """Logits (heads, documents, classes), without dropout."""


def way_of(design: HeadModel) -> type[StackedTrial | PlainTrial]:
    """The class of trial for heads of this design: one for stacks where the pooling allows it, else the plain one."""
    return StackedTrial if can_stack(design) else PlainTrial


def learners_of(trials: Sequence[StackedTrial | PlainTrial]) -> list[Learner]:
    """Divide heads into learners: stacks of heads with the same pooling, and every other head alone."""
    plain = [trial for trial in trials if isinstance(trial, PlainTrial)]
    stacked = [trial for trial in trials if isinstance(trial, StackedTrial)]
    poolings = dict.fromkeys(trial.point.pooling for trial in stacked)
    alike = ([trial for trial in stacked if trial.point.pooling == pooling] for pooling in poolings)
    return [*(TrialStack(own) for part in alike for own in in_stacks(part)), *plain]
