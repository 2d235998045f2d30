"""A head that learns by its own module, autograd and torch's AdamW. It works for every pooling."""

from __future__ import annotations

from typing import Any

import torch
from torch.func import functional_call
from torch.nn import functional
from torch.optim.lr_scheduler import LambdaLR

from encore.heads.batches import Batch
from encore.heads.gradients import LOGITS
from encore.heads.training.optimizer import MIX_RATE, share_of_rate
from encore.heads.training.settings import TrainSettings
from encore.heads.training.trial import Trial


class PlainTrial(Trial):
    """A head of any design that learns alone.

    Tests compare the fast ways with it: results, gradients and steps must be the same, up to rounding.
    """

    def _begin(self, settings: TrainSettings, steps: int) -> None:
        if not self.design.pooling.learns:
            # Dropout lies between the standardised vectors and the classifier's map, so the map cannot include the
            # standardisation while it learns.
            self.design.standard = self.standard
        for value in self.values.values():
            value.requires_grad_()
        groups: list[dict[str, Any]] = [
            {"params": [value for name, value in self.values.items() if name != LOGITS]},
            {
                "params": [value for name, value in self.values.items() if name == LOGITS],
                "lr": self.point.learning_rate * MIX_RATE,
                # At such a high rate, weight decay would pull the mix back to uniform.
                "weight_decay": 0.0,
            },
        ]
        self._optimizer = torch.optim.AdamW(
            groups,
            lr=self.point.learning_rate,
            betas=(settings.beta1, settings.beta2),
            eps=settings.epsilon,
            weight_decay=settings.weight_decay,
            fused=True,
        )
        self._schedule = LambdaLR(self._optimizer, lambda step: share_of_rate(step, steps, settings.warmup))

    @property
    def trials(self) -> tuple[Trial, ...]:
        """A list of this head alone."""
        return (self,)

    def learn(self, batch: Batch, targets: torch.Tensor) -> list[float]:
        """Take one step from a batch whose classes are ``targets`` (documents,). Return the mean loss."""
        self.design.train()
        loss = functional.cross_entropy(self._forward(batch), targets)
        self._optimizer.zero_grad()
        torch.autograd.backward(loss)
        self._optimizer.step()
        self._schedule.step()
        return [float(loss.detach())]

    @torch.no_grad()
    def logits(self, batch: Batch) -> torch.Tensor:
        """Logits (1, documents, classes), without dropout."""
        self.design.eval()
        return self._forward(batch)[None]

    def _forward(self, batch: Batch) -> torch.Tensor:
        weights = self.folded(self.values) if self.design.standard is None else self.values
        return functional_call(self.design, weights, (batch,))  # type: ignore[no-any-return]
