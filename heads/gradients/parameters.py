"""The parameters of several heads that learn, and their affine maps with gradients written by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from encore.heads.model import Tensors
from encore.heads.products import large


@dataclass(frozen=True)
class StackParameters:
    """Parameters of G heads of one design, and who takes their gradients.

    Attributes:
        values: name, as in a head's own state, → (G, ...) parameters.
        take: for each head, a function that takes the name of a parameter and its gradient, and may change the
            parameter at once. Every backward pass calls it once for each parameter, as soon as no later step needs
            the old value. At that moment the gradient is still in the processor's caches; then its memory is free.
    """

    values: Tensors
    take: Sequence[Callable[[str, torch.Tensor], None]]

    def __len__(self) -> int:
        """Number of heads G."""
        return len(self.take)

    def take_all(self, name: str, gradients: torch.Tensor) -> None:
        """Give each head its part of the gradients (G, ...) of a parameter."""
        for take, gradient in zip(self.take, gradients.unbind(), strict=True):
            take(name, gradient)


class LinearGradients:
    """x ↦ x Wᵀ + b for each of G heads.

    Args:
        weights: parameters of the heads.
        weight: name of W, (outputs, inputs).
        bias: name of b, (outputs,).
    """

    def __init__(self, weights: StackParameters, weight: str, bias: str) -> None:
        self._stack = weights
        self._names = weight, bias
        self._weights, self._biases = weights.values[weight], weights.values[bias][:, None]

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """Map (G, rows, inputs) to (G, rows, outputs), and keep the inputs for `backward`."""
        self._inputs = values
        return large(values, self._weights.transpose(1, 2)).add_(self._biases)

    def backward(self, gradient: torch.Tensor) -> torch.Tensor:
        """From the gradient of the result, pass on the gradients of W and b, and return the gradient of the inputs."""
        weight, bias = self._names
        of_inputs = large(gradient, self._weights)
        self._stack.take_all(bias, gradient.sum(dim=1))
        self._stack.take_all(weight, large(gradient.transpose(1, 2), self._inputs))
        return of_inputs
