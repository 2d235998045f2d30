"""What is told of a training while it runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Epoch:
    """One head's pass over the training documents, as it ended.

    Attributes:
        pooling, learning_rate, batch_size, seed: the point of the grid.
        number: of the pass, from 1.
        epochs: passes of this point of the grid, unless it stops early.
        loss: mean cross-entropy over the training documents, dropout included.
        dev_accuracy: on the dev documents; None where there are none.
        seconds: since the points of this batch size began, which train together.
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


Progress = Callable[[Epoch], None]
