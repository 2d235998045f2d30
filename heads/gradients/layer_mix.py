"""Layer mixes of several heads over ``stack:m`` features, with gradients written by hand.

Linear steps run on each layer first, and their results are mixed. Mixing the features first would need one copy of all
features for each head.
"""

from __future__ import annotations

import torch

from encore.heads.gradients.parameters import StackParameters
from encore.heads.model import LOGITS


class MixGradients:
    """The weights of m layers for each of G heads: the softmax of the head's logits.

    Args:
        weights: parameters of the heads.
    """

    def __init__(self, weights: StackParameters) -> None:
        self._stack = weights

    def forward(self) -> None:
        """Compute the weights from the logits as they are now, and forget the gradients of the last step."""
        self._weights = self._stack.values[LOGITS].softmax(dim=1)
        self._gradient = torch.zeros_like(self._weights)

    def columns(self, each: int) -> torch.Tensor:
        """Weights of the layers for every column, (m, G · each). A head has ``each`` columns with the same weights."""
        return self._weights.t().repeat_interleave(each, dim=1)

    def learn(self, gradient: torch.Tensor) -> None:
        """Add up gradients (m, G · each) of the columns that `columns` gave."""
        self._gradient += gradient.view(len(gradient), len(self._stack), -1).sum(dim=2).t()

    def backward(self) -> None:
        """Compute the gradients of the logits, from all gradients that `learn` got since `forward`."""
        inner = (self._weights * self._gradient).sum(dim=1, keepdim=True)
        self._stack.gradients[LOGITS] = self._weights * (self._gradient - inner)
