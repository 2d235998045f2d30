"""The classifier of a head: a two-layer perceptron with tanh (paper, section 3.4)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import nn


class Classifier(nn.Module):
    """Dropout, linear N·d → d, tanh, dropout, linear d → classes.

    Attributes:
        dropout: share of the inputs of each linear map that training sets to zero.
        hidden: N·d → d, where N vectors of a document lie side by side.
        output: d → classes.
    """

    def __init__(
        self,
        width: int,
        classes: int,
        dropout: float = 0.0,
        generator: torch.Generator | None = None,
        *,
        vectors: int = 1,
    ) -> None:
        super().__init__()
        self.dropout = dropout
        self.hidden = _linear(vectors * width, width, generator)
        self.output = _linear(width, classes, generator)
        self._generator = generator

    def forward(self, pooled: torch.Tensor) -> torch.Tensor:
        """Logits (documents, classes) of pooled features (documents, N·d)."""
        return self.output(self._drop(torch.tanh(self.hidden(self._drop(pooled)))))  # type: ignore[no-any-return]

    @torch.no_grad()
    def set_class_prior(self, documents: Sequence[int]) -> None:
        """Set each bias of the output to the logarithm of the share of its class.

        Args:
            documents: (classes,) training documents of each class. Each class counts one more, so that no share is 0.
        """
        counts = torch.tensor(documents, dtype=torch.float32) + 1
        self.output.bias.copy_((counts / counts.sum()).log())

    def _drop(self, values: torch.Tensor) -> torch.Tensor:
        # nn.Dropout draws from torch's global generator. Training one head would then change the dropout of another.
        if not self.training or self.dropout == 0:
            return values
        return values * draw_kept(values, self.dropout, self._generator)


def draw_kept(values: torch.Tensor, dropout: float, generator: torch.Generator | None) -> torch.Tensor:
    """Dropout factor of each value: 0, or the factor that keeps the mean."""
    least, factor = kept_from(dropout)
    bits = draw_bits(values.numel(), generator, values.device).view(values.shape)
    return (bits >= least).to(values.dtype).mul_(factor)


def draw_bits(count: int, generator: torch.Generator | None, device: torch.device | None = None) -> torch.Tensor:
    """(count,) uniform int16. Drawing 16 bits a value is cheaper than torch's dropout, which draws 32 or more."""
    drawn = torch.empty(-(-count // 4), dtype=torch.int64, device=device)
    return drawn.random_(-(2**63), None, generator=generator).view(torch.int16)[:count]


def kept_from(dropout: float) -> tuple[int, float]:
    """The smallest int16 of `draw_bits` that keeps its value, and the factor of a kept value."""
    dropped = min(round(dropout * 2**16), 2**16 - 1)
    return dropped - 2**15, 2**16 / (2**16 - dropped)


def _linear(inputs: int, outputs: int, generator: torch.Generator | None) -> nn.Linear:
    """A linear map with torch's usual initial weights, drawn from ``generator`` alone."""
    # On the meta device, without weights: nn.Linear would draw them from torch's global generator.
    linear = nn.Linear(inputs, outputs, device="meta").to_empty(device=torch.get_default_device())
    bound = 1 / math.sqrt(inputs)
    nn.init.uniform_(linear.weight, -bound, bound, generator=generator)
    nn.init.uniform_(linear.bias, -bound, bound, generator=generator)
    return linear
