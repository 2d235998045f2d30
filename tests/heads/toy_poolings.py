"""Poolings that nobody but their registry line knows."""

from __future__ import annotations

import torch
from torch import nn

from encore.heads.batches import Batch
from encore.heads.model import AttentionPooling, Pooling


class MaxPooling(Pooling):
    """The largest number of every dimension; it learns nothing."""

    label = "the maximum of all positions"

    def forward(self, batch: Batch) -> torch.Tensor:
        """Pool a batch to (documents, d)."""
        return batch.values.masked_fill(batch.padding[:, :, None], -torch.inf).amax(dim=1)


class GatePooling(Pooling):
    """A weighted mean of the positions by one learned vector."""

    label = "a gate"

    def __init__(self, width: int, generator: torch.Generator | None = None) -> None:
        super().__init__(width)
        self.gate = nn.Parameter(torch.empty(width))
        nn.init.normal_(self.gate, std=0.02, generator=generator)

    def forward(self, batch: Batch) -> torch.Tensor:
        """Pool a batch to (documents, d)."""
        scores = (batch.values @ self.gate).masked_fill(batch.padding, -torch.inf)
        return (scores.softmax(dim=1)[:, None] @ batch.values)[:, 0]


class EndsPooling(Pooling):
    """The first and the last position, each times weights of its own, side by side."""

    label = "both ends"
    vectors = 2

    def __init__(self, width: int, generator: torch.Generator | None = None) -> None:
        super().__init__(width)
        self.weights = nn.Parameter(torch.ones(2, width))

    def forward(self, batch: Batch) -> torch.Tensor:
        """Pool a batch to (documents, 2·d)."""
        last = batch.values[torch.arange(len(batch)), batch.lengths - 1]
        return (torch.stack([batch.values[:, 0], last], dim=1) * self.weights).flatten(1)


class TextMeansPooling(Pooling):
    """The mean of each text of a pair, side by side; it learns nothing."""

    label = "the mean of each text"
    of_pairs = True
    vectors = 2

    def forward(self, batch: Batch) -> torch.Tensor:
        """Pool a batch to (documents, 2·d)."""
        texts = batch.texts.to(batch.values.dtype)
        return (texts @ batch.values / texts.sum(dim=2, keepdim=True).clamp(min=1)).flatten(1)


class NegativePooling(AttentionPooling):
    """Attention with its sign turned: what is derived from a pooling is not taken for it."""

    label = "attention, turned"

    def forward(self, batch: Batch) -> torch.Tensor:
        """Pool a batch to (documents, N·d)."""
        return -super().forward(batch)


TOYS: dict[str, type[Pooling]] = {
    "max": MaxPooling,
    "gate": GatePooling,
    "ends": EndsPooling,
    "text-means": TextMeansPooling,
    "negative": NegativePooling,
}
