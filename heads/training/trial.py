"""One head of a grid while it trains: its current state and its best epoch."""

from __future__ import annotations

import math

import torch

from encore.featurestore.common import Int64s
from encore.featurestore.errors import UsageError
from encore.heads.model import HeadModel, Standardisation, Tensors
from encore.heads.training.epochs import Epoch
from encore.heads.training.optimizer import HeadOptimizer
from encore.heads.training.settings import GridPoint, TrainSettings


class Trial:
    """A head that learns, with the weights of its best epoch.

    Attributes:
        point: its point of the grid.
        design: the head before training; `best_model` gives it the weights of its best epoch.
        standard: standardises the inputs of the head while it learns; None for no standardisation.
        values: name → parameter, as it is now.
        history: the epochs that ended.
        predicted: (dev documents,) classes predicted at the best epoch; None without dev.
    """

    def __init__(
        self,
        point: GridPoint,
        design: HeadModel,
        standard: Standardisation | None,
        settings: TrainSettings,
        steps: int,
    ) -> None:
        self.point = point
        self.design = design.eval()
        self.values: Tensors = {name: value.detach() for name, value in design.named_parameters()}
        self.standard = standard
        # Dropout lies between the standardised vectors of a pooling without weights and the classifier's map. So the
        # map cannot include the standardisation while it learns.
        if standard is not None and not (design.pooling.learns and design.pooling.folded(self.values, standard)):
            design.standard = standard
        self._settings, self._steps = settings, steps
        self._loss = torch.zeros((), dtype=torch.float64)
        self.history: list[Epoch] = []
        self._best: Epoch | None = None
        self.predicted: Int64s | None = None
        self._kept: Tensors = {}

    def begin(self, values: Tensors) -> None:
        """Begin the training from these parameters, which every step changes in place."""
        self.values = values
        self._optimizer = HeadOptimizer(values, self._settings, self.point.learning_rate, self._steps)

    def step(self, gradients: Tensors) -> None:
        """Change each parameter by its gradient."""
        self._optimizer.step(gradients)

    @property
    def stopped(self) -> bool:
        """Whether its patience has run out."""
        patience = self._settings.patience
        return patience is not None and len(self.history) - (self._best.number if self._best else 0) >= patience

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

    def add_loss(self, loss: torch.Tensor) -> None:
        """Add the summed loss () of some documents to the running epoch. A device is not waited for."""
        self._loss = self._loss + loss.double()

    def take_loss(self) -> float:
        """Return the summed loss of the running epoch, and start again from 0."""
        loss, self._loss = self._loss, torch.zeros((), dtype=torch.float64)
        return float(loss)

    def end_epoch(self, epoch: Epoch, predicted: Int64s | None) -> None:
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
                self._kept[name] = self._kept[name].copy_(value) if name in self._kept else value.clone()

    def folded(self, values: Tensors) -> Tensors:
        """Weights for inputs as they are stored, from weights that learn from standardised inputs.

        They are the same weights where the head's own module standardises.
        """
        if self.standard is None or self.design.standard is not None:
            return values
        folded = self.design.pooling.folded(values, self.standard)
        if folded is None:
            raise TypeError(f"{self.design.pooling!r} folds a standardisation for some weights only")
        return folded

    def best_model(self) -> HeadModel:
        """The head at its best epoch, for features as they are stored, in evaluation mode, on the CPU.

        It standardises its inputs only where that cannot be folded into its weights.
        """
        design, weights = self.design, self._kept
        if self.standard is not None:
            doubles = {name: value.double() for name, value in weights.items()}
            folded = design.pooling.folded(doubles, self.standard)
            if folded is not None:
                design.standard, weights = None, {name: value.float() for name, value in folded.items()}
        design.load_state_dict(design.state_dict() | weights)
        return design.cpu()
