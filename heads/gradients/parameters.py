"""The parameters of several heads that learn, and their affine maps with the gradients written out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from encore.heads.model import Tensors
from encore.heads.products import large


@dataclass(frozen=True)
class StackParameters:
    """Parameters of G heads of one design, and what becomes of their gradients.

    Attributes:
        values: name, as in the heads' own state, → (G, ...) parameters.
        take: for each head: called with a name and the gradient of that parameter, once for each in every backward
            pass, as soon as nothing else needs the parameter's old value. A gradient that is used up at once is still
            in the processor's caches, and its memory serves the next one.
    """

    values: Tensors
    take: Sequence[Callable[[str, torch.Tensor], None]]

    def __len__(self) -> int:
        """Number of heads G."""
        return len(self.take)

    def take_all(self, name: str, gradients: torch.Tensor) -> None:
        """Hand on the gradients (G, ...) of a parameter of all heads."""
        for take, gradient in zip(self.take, gradients.unbind(), strict=True):
            take(name, gradient)


class LinearGradients:
    """x ↦ x Wᵀ + b for each of G heads.

    Args:
        weights: of the heads.
        weight: name of W, (outputs, inputs).
        bias: name of b, (outputs,).
    """

    def __init__(self, weights: StackParameters, weight: str, bias: str) -> None:
        self._stack = weights
        self._names = weight, bias
        self._weights, self._biases = weights.values[weight], weights.values[bias][:, None]

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """(G, rows, outputs) from (G, rows, inputs), which are kept for `backward`."""
        self._inputs = values
        return large(values, self._weights.transpose(1, 2)).add_(self._biases)

    def backward(self, gradient: torch.Tensor) -> torch.Tensor:
        """Hand on the gradients of W and b; return that of the inputs, from that of the result."""
        weight, bias = self._names
        of_inputs = large(gradient, self._weights)
        self._stack.take_all(bias, gradient.sum(dim=1))
        self._stack.take_all(weight, large(gradient.transpose(1, 2), self._inputs))
        return of_inputs
