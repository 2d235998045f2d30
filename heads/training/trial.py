"""One head of a grid while it trains: its current state and its best epoch."""

from __future__ import annotations

import math

import torch

from encore.featurestore.errors import UsageError
from encore.heads.model import HeadModel, Standardisation, Tensors
from encore.heads.training.epochs import Epoch
from encore.heads.training.examples import Codes
from encore.heads.training.settings import Point, TrainSettings


class Trial:
    """A head that learns, with the weights of its best epoch.

    Attributes:
        point: its point of the grid.
        design: the head before training; `best_model` gives it the weights of its best epoch.
        standard: standardises its inputs while it learns, and is folded into the weights of the result; None for no
            standardisation, or where ``design`` standardises by itself.
        generator: source of its dropout.
        values: name → parameter, as it is now.
        history: the epochs that ended.
        predicted: (dev documents,) classes predicted at the best epoch; None without dev.
    """

    def __init__(
        self,
        point: Point,
        design: HeadModel,
        standard: Standardisation | None,
        generator: torch.Generator,
        settings: TrainSettings,
        steps: int,
    ) -> None:
        self.point = point
        self.design = design
        self.generator = generator
        self.values: Tensors = {name: parameter.detach().clone() for name, parameter in design.named_parameters()}
        if standard is not None and design.pooling.folded(self.values, standard) is None:
            design.standard, standard = standard, None
        self.standard = standard
        self._loss = 0.0
        self.history: list[Epoch] = []
        self._best: Epoch | None = None
        self.predicted: Codes | None = None
        self._kept: Tensors = {}
        self._patience = settings.patience
        self._begin(settings, steps)

    def _begin(self, settings: TrainSettings, steps: int) -> None:
        """Prepare the optimizer, with a schedule of this many steps."""
        raise NotImplementedError

    @property
    def stopped(self) -> bool:
        """Whether its patience has run out."""
        return self._patience is not None and len(self.history) - self.best_epoch.number >= self._patience

    @property
    def best_epoch(self) -> Epoch:
        """The first epoch with the best dev accuracy; without dev the last one."""
        if self._best is None:
            raise ValueError("no epoch was run")
        return self._best

    @property
    def best_accuracy(self) -> float:
        """Dev accuracy of the best epoch; 0 without dev."""
        return self.best_epoch.dev_accuracy or 0.0

    def add_loss(self, loss: float) -> None:
        """Add the summed loss of some documents to the running epoch."""
        self._loss += loss

    def take_loss(self) -> float:
        """Return the summed loss of the running epoch, and start again from 0."""
        loss, self._loss = self._loss, 0.0
        return loss

    def end_epoch(self, epoch: Epoch, predicted: Codes | None) -> None:
        """Record an epoch, and keep its weights if they are better than all before.

        Raises:
            UsageError: the loss is not finite: the training diverged.
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
                # Copy into the memory that is there: allocating new memory takes longer than copying.
                self._kept[name] = self._kept[name].copy_(value) if name in self._kept else value.detach().clone()

    def folded(self, values: Tensors) -> Tensors:
        """Fold the standardisation into weights that learned: the result takes features as they are stored."""
        folded = None if self.standard is None else self.design.pooling.folded(values, self.standard)
        return values if folded is None else folded

    def best_model(self) -> HeadModel:
        """The head at its best epoch, for features as they are stored, in evaluation mode."""
        if self.standard is not None:
            self.design.standard = None
        self.design.load_state_dict(self.design.state_dict() | self.folded(self._kept))
        return self.design.eval()
