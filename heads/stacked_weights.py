"""The parameters of several heads that learn, and their affine maps with the gradients written out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from heads.batched_products import few_multiplications, linear, linears

Tensors = dict[str, torch.Tensor]


@dataclass(frozen=True)
class StackedWeights:
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


class StackedLinear:
    """x ↦ x Wᵀ + b for each of G heads.

    Args:
        weights: of the heads.
        weight: name of W, (outputs, inputs).
        bias: name of b, (outputs,).
    """

    def __init__(self, weights: StackedWeights, weight: str, bias: str) -> None:
        self._stack = weights
        self._names = weight, bias
        self._weights, self._biases = weights.values[weight], weights.values[bias]
        self._transposed = self._weights.transpose(1, 2).unbind()

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """(G, rows, outputs) from (G, rows, inputs), which are kept for `backward`."""
        self._inputs = values
        return linears(values, self._weights, self._biases)

    def backward(self, gradient: torch.Tensor) -> torch.Tensor:
        """Hand on the gradients of W and b; return that of the inputs, from that of the result."""
        weight, bias = self._names
        self._stack.take_all(bias, gradient.sum(dim=1))
        turned = gradient.transpose(1, 2)
        if few_multiplications(gradient, self._weights):
            results = torch.bmm(gradient, self._weights)
            self._stack.take_all(weight, torch.bmm(turned, self._inputs))
            return results
        results = torch.empty_like(self._inputs)
        inputs = self._inputs.transpose(1, 2).unbind()
        # Head by head: a weight is still in the processor's caches when its gradient changes it.
        for place, (own, result) in enumerate(zip(gradient.unbind(), results.unbind(), strict=True)):
            linear(own, self._transposed[place], out=result)
            self._stack.take[place](weight, linear(turned[place], inputs[place]))
        return results
