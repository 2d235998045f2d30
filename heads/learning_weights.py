"""The parameters of a head that learns, and its affine maps with the gradients written out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from heads.products import product

Tensors = dict[str, torch.Tensor]


@dataclass(frozen=True)
class LearningWeights:
    """A head's parameters, and what becomes of their gradients.

    Attributes:
        values: name, as in the head's own state, → parameter.
        take: called with a name and the gradient of that parameter, once for each in every backward pass, as soon as
            nothing else needs the parameter's old value. A gradient that is used up at once is still in the
            processor's caches, and its memory serves the next one.
    """

    values: Tensors
    take: Callable[[str, torch.Tensor], None]


class LearningLinear:
    """x ↦ x Wᵀ + b.

    Args:
        weights: of the head.
        weight: name of W, (outputs, inputs).
        bias: name of b, (outputs,).
    """

    def __init__(self, weights: LearningWeights, weight: str, bias: str) -> None:
        self._weights = weights
        self._weight, self._bias = weight, bias

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """(rows, outputs) from (rows, inputs), which are kept for `backward`."""
        self._inputs = values
        parameters = self._weights.values
        return product(values, parameters[self._weight], parameters[self._bias])

    def backward(self, gradient: torch.Tensor) -> torch.Tensor:
        """Hand on the gradients of W and b; return that of the inputs, from that of the result."""
        inputs = product(gradient, self._weights.values[self._weight].t())
        self._weights.take(self._bias, gradient.sum(dim=0))
        self._weights.take(self._weight, product(gradient.t(), self._inputs.t()))
        return inputs
