"""The classifier of a head: a two-layer perceptron with tanh (paper, section 3.4)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import nn


class Classifier(nn.Module):
    """Dropout, linear N·d → d, tanh, dropout, linear d → classes.

    Attributes:
        dropout: share of the inputs of each linear map set to zero in training.
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
        """Let each bias of the output be the logarithm of its class's share.

        Args:
            documents: (classes,) training documents of each class; one more is counted for each.
        """
        counts = torch.tensor(documents, dtype=torch.float32) + 1
        self.output.bias.copy_((counts / counts.sum()).log())

    def _drop(self, values: torch.Tensor) -> torch.Tensor:
        # nn.Dropout draws from torch's global generator: training one head would then change what another one learns.
        if not self.training or self.dropout == 0:
            return values
        return values * draw_kept(values, self.dropout, self._generator)


def draw_kept(values: torch.Tensor, dropout: float, generator: torch.Generator | None) -> torch.Tensor:
    """What dropout multiplies each value by: 0, or what keeps the mean."""
    least, factor = kept_from(dropout)
    bits = draw_bits(values.numel(), generator, values.device).view(values.shape)
    return (bits >= least).to(values.dtype).mul_(factor)


def draw_bits(count: int, generator: torch.Generator | None, device: torch.device | None = None) -> torch.Tensor:
    """(count,) int16, any number as often as another: 16 bits a value, where torch's dropout takes 32 and more."""
    drawn = torch.empty(-(-count // 4), dtype=torch.int64, device=device)
    return drawn.random_(-(2**63), None, generator=generator).view(torch.int16)[:count]


def kept_from(dropout: float) -> tuple[int, float]:
    """The least 16 bits of a value that is kept, as a signed number, and what it is multiplied by."""
    dropped = min(round(dropout * 2**16), 2**16 - 1)
    return dropped - 2**15, 2**16 / (2**16 - dropped)


def _linear(inputs: int, outputs: int, generator: torch.Generator | None) -> nn.Linear:
    """A linear map with torch's usual initial weights, drawn from ``generator`` alone."""
    # Made without memory and so without weights: nn.Linear would draw them from torch's global generator.
    linear = nn.Linear(inputs, outputs, device="meta").to_empty(device=torch.get_default_device())
    bound = 1 / math.sqrt(inputs)
    nn.init.uniform_(linear.weight, -bound, bound, generator=generator)
    nn.init.uniform_(linear.bias, -bound, bound, generator=generator)
    return linear
