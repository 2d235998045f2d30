"""One head of a grid while it trains: where it stands, and the best that it was."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

from featurestore.errors import UsageError
from heads.epochs import Epoch
from heads.examples import Codes
from heads.learning_head import LearningHead
from heads.learning_optimizer import HeadOptimizer
from heads.learning_weights import LearningWeights
from heads.model import HeadModel
from heads.settings import Point, TrainSettings


class GridRun:
    """A head that learns, and what is kept of it.

    Attributes:
        point: of the grid.
        design: the head as it began; `best_model` gives it the weights of its best epoch.
        head: what learns.
        optimizer: of its weights.
        history: the epochs that ended.
        predicted: (dev documents,) classes predicted at the best epoch; None without dev.
    """

    def __init__(
        self, point: Point, design: HeadModel, generator: torch.Generator, settings: TrainSettings, steps: int
    ) -> None:
        self.point = point
        self.design = design
        values = {name: parameter.detach().clone() for name, parameter in design.named_parameters()}
        self.optimizer = HeadOptimizer(values, settings, point.learning_rate, steps)
        self.head = LearningHead(LearningWeights(values, self.optimizer.take), design, generator)
        self._loss = 0.0
        self.history: list[Epoch] = []
        self._best: Epoch | None = None
        self.predicted: Codes | None = None
        self._kept = values
        self._patience = settings.patience

    @property
    def stopped(self) -> bool:
        """Whether its patience has run out."""
        return self._patience is not None and len(self.history) - self.best_epoch.number >= self._patience

    @property
    def best_epoch(self) -> Epoch:
        """The first epoch of the best dev accuracy; without dev the last."""
        if self._best is None:
            raise ValueError("no epoch was run")
        return self._best

    @property
    def best_accuracy(self) -> float:
        """Of the best epoch on dev; 0 without dev."""
        return self.best_epoch.dev_accuracy or 0.0

    def add_loss(self, loss: float) -> None:
        """Of some documents of the running epoch, their sum."""
        self._loss += loss

    def take_loss(self) -> float:
        """The sum over the documents of the running epoch, which ends."""
        loss, self._loss = self._loss, 0.0
        return loss

    def end_epoch(self, epoch: Epoch, predicted: Codes | None) -> None:
        """Keep the weights where they are better than all before.

        Raises:
            UsageError: the loss is no number.
        """
        if not math.isfinite(epoch.loss):
            raise UsageError(
                f"learning rate {self.point.learning_rate}: training diverged in epoch {epoch.number}; "
                "give a smaller one"
            )
        self.history.append(epoch)
        best = None if self._best is None else self._best.dev_accuracy
        if best is None or epoch.dev_accuracy is None or epoch.dev_accuracy > best:
            self._best, self.predicted = epoch, predicted
            self._kept = {name: value.clone() for name, value in self.head.weights.values.items()}

    def best_model(self) -> HeadModel:
        """The head at its best epoch, in evaluation mode."""
        self.design.load_state_dict(self._kept)
        return self.design.eval()


def in_stacks(runs: Sequence[GridRun]) -> list[list[GridRun]]:
    """Runs of one design in stacks of `STACK` at most, and two of them wherever there are two runs.

    The number of threads has no say in it: sums of a stack round by how many heads it has.
    """
    count = max(min(2, len(runs)), -(-len(runs) // STACK))
    return [list(runs[place * len(runs) // count : (place + 1) * len(runs) // count]) for place in range(count)]


STACK = 4
"""Heads of a stack: enough to share what is done with the tokens, few enough to keep several cores busy."""
