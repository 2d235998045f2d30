"""How several heads weigh the m layers of ``stack:m`` features, with the gradients written out.

What is linear in the features comes first, layer by layer, and is mixed then: mixed features would be as many as there
are heads.
"""

from __future__ import annotations

import torch

from encore.heads.gradients.parameters import StackParameters

LOGITS = "mix.logits"


class MixGradients:
    """The weights of m layers, learned by each of G heads: softmax of its logits.

    Args:
        weights: parameters of the heads.
    """

    def __init__(self, weights: StackParameters) -> None:
        self._stack = weights

    def forward(self) -> None:
        """Take the weights that the logits give now."""
        self._weights = self._stack.values[LOGITS].softmax(dim=1)
        self._gradient = torch.zeros_like(self._weights)

    def columns(self, each: int) -> torch.Tensor:
        """(m, G · each), for columns that come ``each`` by head."""
        return self._weights.t().repeat_interleave(each, dim=1)

    def learn(self, gradient: torch.Tensor) -> None:
        """Add the gradient (m, G · each) that such columns get."""
        self._gradient += gradient.view(len(gradient), len(self._stack), -1).sum(dim=2).t()

    def backward(self) -> None:
        """Hand on the gradients of the logits, from all that was learned since `forward`."""
        inner = (self._weights * self._gradient).sum(dim=1, keepdim=True)
        self._stack.take_all(LOGITS, self._weights * (self._gradient - inner))
