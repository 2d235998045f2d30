"""The parameters of several heads that learn, and their affine maps with gradients written by hand."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch

from encore.heads.model import Tensors


@dataclass(frozen=True)
class StackParameters:
    """Parameters of G heads of one design, and their gradients.

    Attributes:
        values: name, as in a head's own state, → (G, ...) parameters.
        gradients: name → (G, ...) gradients of the last backward pass.
    """

    values: Tensors
    gradients: Tensors = field(default_factory=dict)

    def __len__(self) -> int:
        """Number of heads G."""
        return len(next(iter(self.values.values())))


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
        return torch.baddbmm(self._biases, values, self._weights.transpose(1, 2))

    def backward(self, gradient: torch.Tensor) -> torch.Tensor:
        """From the gradient of the result, compute the gradients of W and b, and return the gradient of the inputs."""
        weight, bias = self._names
        of_inputs = torch.bmm(gradient, self._weights)
        self._stack.gradients[bias] = gradient.sum(dim=1)
        self._stack.gradients[weight] = torch.bmm(gradient.transpose(1, 2), self._inputs)
        return of_inputs
