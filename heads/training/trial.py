"""One head of a grid while it trains: where it stands, and the best that it was."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

from encore.featurestore.errors import UsageError
from encore.heads.batches import Codes
from encore.heads.gradients import StackedWeights, Standard, Tensors
from encore.heads.model import HeadModel
from encore.heads.training.epochs import Epoch
from encore.heads.training.optimizer import HeadOptimizer
from encore.heads.training.settings import Point, TrainSettings


class GridRun:
    """A head that learns, and what is kept of it.

    Attributes:
        point: of the grid.
        design: the head as it began; `best_model` gives it the weights of its best epoch.
        standard: what its inputs become while it learns; None for as they are.
        generator: of its dropout.
        values: name → parameter, as it learns.
        optimizer: of these parameters.
        history: the epochs that ended.
        predicted: (dev documents,) classes predicted at the best epoch; None without dev.
    """

    def __init__(
        self,
        point: Point,
        design: HeadModel,
        standard: Standard | None,
        generator: torch.Generator,
        settings: TrainSettings,
        steps: int,
    ) -> None:
        self.point = point
        self.design = design
        self.standard = standard
        self.generator = generator
        self.values: Tensors = {name: parameter.detach().clone() for name, parameter in design.named_parameters()}
        self.optimizer = HeadOptimizer(self.values, settings, point.learning_rate, steps)
        self._loss = 0.0
        self.history: list[Epoch] = []
        self._best: Epoch | None = None
        self.predicted: Codes | None = None
        self._kept: Tensors = {}
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
            for name, value in self.values.items():
                # Into the memory of the last time: to be given fresh memory takes longer than to copy.
                self._kept[name] = self._kept[name].copy_(value) if name in self._kept else value.clone()

    def best_model(self) -> HeadModel:
        """The head at its best epoch, for features as they are stored, in evaluation mode."""
        kept = self._kept if self.standard is None else self.standard.folded(self._kept, self.design)
        self.design.load_state_dict(kept)
        return self.design.eval()


def side_by_side(runs: Sequence[GridRun]) -> StackedWeights:
    """The parameters of runs of one design as a stack; the runs' own become a part of it."""
    values = {name: torch.stack([run.values[name] for run in runs]) for name in runs[0].values}
    for place, run in enumerate(runs):
        for name, value in values.items():
            run.values[name] = value[place]
    return StackedWeights(values, [run.optimizer.take for run in runs])


def in_stacks(runs: Sequence[GridRun]) -> list[list[GridRun]]:
    """Runs of one design in stacks of `STACK` at most, and two of them wherever there are two runs.

    The number of threads has no say in it: sums of a stack round by how many heads it has.
    """
    count = max(min(2, len(runs)), -(-len(runs) // STACK))
    return [list(runs[place * len(runs) // count : (place + 1) * len(runs) // count]) for place in range(count)]


STACK = 4
"""Heads of a stack: enough to share what is done with the tokens, few enough to keep several cores busy."""
