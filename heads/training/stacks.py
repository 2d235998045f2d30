"""Heads of a grid that learn together in a stack, with gradients written by hand: the fast way on a CPU."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from encore.heads.batches import Batch
from encore.heads.gradients import HeadStack, StackParameters
from encore.heads.training.optimizer import FusedAdamW
from encore.heads.training.settings import TrainSettings
from encore.heads.training.trial import Trial

STACK = 4
"""Most heads of a stack: enough to share the work on the tokens, few enough to keep several cores busy."""


class StackedTrial(Trial):
    """A head that can learn in a stack."""

    def _begin(self, settings: TrainSettings, steps: int) -> None:
        self.optimizer = FusedAdamW(self.values, settings, self.point.learning_rate, steps)


class TrialStack:
    """Heads of one design that learn together. Their parameters become views of the stack's parameters.

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
        """Take one step from a batch whose classes are ``targets`` (documents,). Return the mean loss of each head."""
        for trial in self.trials:
            trial.optimizer.begin_step()
        return self._stack.learn(batch, targets).tolist()

    @torch.inference_mode()
    def logits(self, batch: Batch) -> torch.Tensor:
        """Logits (heads, documents, classes), without dropout."""
        return self._stack.logits(batch)


def side_by_side(trials: Sequence[StackedTrial]) -> StackParameters:
    """Stack the parameters of trials of one design. The trials' own parameters become views of the stack."""
    values = {name: torch.stack([trial.values[name] for trial in trials]) for name in trials[0].values}
    for place, trial in enumerate(trials):
        for name, value in values.items():
            trial.values[name] = value[place]
    return StackParameters(values, [trial.optimizer.take for trial in trials])


def in_stacks(trials: Sequence[StackedTrial]) -> list[Sequence[StackedTrial]]:
    """Divide trials of one design into stacks of at most `STACK`, and into at least two stacks if there are two trials.

    The division does not depend on the number of threads: the size of a stack changes how its sums round.
    """
    count = max(min(2, len(trials)), -(-len(trials) // STACK))
    return [trials[place * len(trials) // count : (place + 1) * len(trials) // count] for place in range(count)]
