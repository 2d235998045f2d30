"""How several heads weigh the m layers of ``stack:m`` features, with the gradients written out.

What is linear in the features comes first, layer by layer, and is mixed then: mixed features would be as many as there
are heads.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from heads.learning_weights import LearningWeights

LOGITS = "mix.logits"


class StackedMix:
    """The weights of m layers, learned by each of G heads: softmax of its logits.

    Args:
        heads: parameters of the heads.
    """

    def __init__(self, heads: Sequence[LearningWeights]) -> None:
        self._heads = heads

    def forward(self) -> None:
        """Take the weights that the logits give now."""
        self._weights = torch.stack([head.values[LOGITS] for head in self._heads]).softmax(dim=1)
        self._gradient = torch.zeros_like(self._weights)

    def columns(self, times: int, each: int) -> torch.Tensor:
        """(m, times · G · each): for columns that come ``each`` by head, all of them ``times`` over."""
        return self._weights.t().repeat_interleave(each, dim=1).repeat(1, times)

    def learn(self, times: int, gradient: torch.Tensor) -> None:
        """Add the gradient (m, times · G · each) that such columns get."""
        self._gradient += gradient.view(len(gradient), times, len(self._heads), -1).sum(dim=(1, 3)).t()

    def backward(self) -> None:
        """Hand on the gradients of the logits, from all that was learned since `forward`."""
        inner = (self._weights * self._gradient).sum(dim=1, keepdim=True)
        for head, gradient in zip(self._heads, self._weights * (self._gradient - inner), strict=True):
            head.take(LOGITS, gradient)
