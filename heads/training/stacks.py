"""Heads of a grid that learn side by side in a stack, with the gradients written out: the fast way on a CPU."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from encore.heads.batches import Batch
from encore.heads.gradients import HeadStack, StackParameters
from encore.heads.training.optimizer import FusedAdamW
from encore.heads.training.settings import TrainSettings
from encore.heads.training.trial import Trial

STACK = 4
"""Heads of a stack: enough to share what is done with the tokens, few enough to keep several cores busy."""


class StackedTrial(Trial):
    """A head that can learn in a stack."""

    def _begin(self, settings: TrainSettings, steps: int) -> None:
        self.optimizer = FusedAdamW(self.values, settings, self.point.learning_rate, steps)


class TrialStack:
    """Heads of one design that learn side by side; their parameters become a part of the stack's.

    Attributes:
        trials: the heads.
    """

    def __init__(self, trials: Sequence[StackedTrial]) -> None:
        self.trials = tuple(trials)
        first = self.trials[0]
        generators = [trial.generator for trial in self.trials]
        self._stack = HeadStack(side_by_side(self.trials), first.design, generators, first.standard)

    @torch.inference_mode()
    def learn(self, batch: Batch, targets: torch.Tensor) -> list[float]:
        """Take a step from a batch of these classes (documents,); each head's mean loss."""
        for trial in self.trials:
            trial.optimizer.begin_step()
        return self._stack.learn(batch, targets).tolist()

    @torch.inference_mode()
    def logits(self, batch: Batch) -> torch.Tensor:
        """(heads, documents, classes), without dropout."""
        return self._stack.logits(batch)


def side_by_side(trials: Sequence[StackedTrial]) -> StackParameters:
    """The parameters of trials of one design as a stack; the trials' own become a part of it."""
    values = {name: torch.stack([trial.values[name] for trial in trials]) for name in trials[0].values}
    for place, trial in enumerate(trials):
        for name, value in values.items():
            trial.values[name] = value[place]
    return StackParameters(values, [trial.optimizer.take for trial in trials])


def in_stacks(trials: Sequence[StackedTrial]) -> list[Sequence[StackedTrial]]:
    """Trials of one design in stacks of `STACK` at most, and two of them wherever there are two trials.

    The number of threads has no say in it: sums of a stack round by how many heads it has.
    """
    count = max(min(2, len(trials)), -(-len(trials) // STACK))
    return [trials[place * len(trials) // count : (place + 1) * len(trials) // count] for place in range(count)]
