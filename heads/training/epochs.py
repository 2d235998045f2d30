"""What training reports after each epoch."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean


@dataclass(frozen=True)
class Epoch:
    """One head's pass over the training documents, as it ended.

    Attributes:
        pooling, learning_rate, batch_size, seed: the point of the grid.
        number: number of the pass, from 1.
        epochs: planned passes of this point of the grid; it may stop earlier.
        loss: mean cross-entropy over the training documents, dropout included.
        dev_accuracy: accuracy on the dev documents; None where there are none.
        seconds: time since the heads of this batch size started; they train together.
    """

    pooling: str
    learning_rate: float
    batch_size: int
    seed: int
    number: int
    epochs: int
    loss: float
    dev_accuracy: float | None
    seconds: float

    @property
    def point(self) -> tuple[str, float, int, int]:
        """The point of the grid that the head is at."""
        return self.pooling, self.learning_rate, self.batch_size, self.seed


Progress = Callable[[Epoch], None]

RISE = 0.5
"""Accuracy counts as rising from this many standard errors on: smaller differences of epochs are chance."""


def still_rising(history: Sequence[Epoch], documents: int) -> bool:
    """Whether dev accuracy in the last quarter of a head's epochs was higher than in the quarter before.

    Args:
        history: epochs of one head, in order.
        documents: number of dev documents.
    """
    accuracies = [epoch.dev_accuracy for epoch in history if epoch.dev_accuracy is not None]
    quarter = max(1, len(accuracies) // 4)
    if len(accuracies) < 2 * quarter:
        return False
    before, last = fmean(accuracies[-2 * quarter : -quarter]), fmean(accuracies[-quarter:])
    return last - before > RISE * math.sqrt(max(last * (1 - last), 1 / documents) / documents)
