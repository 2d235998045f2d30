"""The classifier of a head: a two-layer perceptron with tanh (paper, section 3.4)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from encore.heads.model.affine import affine

DropoutFactors = tuple[torch.Tensor, torch.Tensor]
"""Dropout factors of the pooled features (documents, N·d) and of the hidden layer (documents, d)."""


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

    def forward(self, pooled: torch.Tensor, kept: DropoutFactors | None = None) -> torch.Tensor:
        """Logits (documents, classes) of pooled features (documents, N·d).

        Args:
            pooled: features of the documents.
            kept: dropout factors from `draw`; None draws them in training mode, and drops nothing in evaluation mode.
        """
        if kept is None and self.training:
            kept = self.draw(len(pooled))
        if kept is None:
            return self._output(torch.tanh(self._hidden(pooled)))
        first, second = kept
        return self._output(torch.tanh(self._hidden(pooled * first)) * second)

    def draw(self, documents: int) -> DropoutFactors | None:
        """Dropout factors of the inputs of both linear maps, drawn from the classifier's own generator; None for none.

        They are drawn on the CPU, so that a seed gives the same dropout on every device.
        """
        # nn.Dropout draws from torch's global generator. Training one head would then change the dropout of another.
        if self.dropout == 0:
            return None
        widths = self.hidden.in_features, self.output.in_features
        first, second = (_draw_kept(documents, width, self.dropout, self._generator) for width in widths)
        return first.to(self.hidden.weight.device), second.to(self.hidden.weight.device)

    def _hidden(self, values: torch.Tensor) -> torch.Tensor:
        return affine(values, self.hidden.weight, self.hidden.bias)

    def _output(self, values: torch.Tensor) -> torch.Tensor:
        return affine(values, self.output.weight, self.output.bias)

    @torch.no_grad()
    def set_class_prior(self, documents: Sequence[int]) -> None:
        """Set each bias of the output to the logarithm of the share of its class.

        Args:
            documents: (classes,) training documents of each class. Each class counts one more, so that no share is 0.
        """
        counts = torch.tensor(documents, dtype=torch.float32) + 1
        self.output.bias.copy_((counts / counts.sum()).log())


def _draw_kept(documents: int, width: int, dropout: float, generator: torch.Generator | None) -> torch.Tensor:
    """(documents, width) dropout factors on the CPU: 0, or the factor that keeps the mean.

    They are drawn with 16 bits each: torch's dropout draws 32 or more, which takes longer.
    """
    count, dropped = documents * width, min(round(dropout * 2**16), 2**16 - 1)
    drawn = torch.empty(-(-count // 4), dtype=torch.int64).random_(-(2**63), None, generator=generator)
    kept = drawn.view(torch.int16)[:count].view(documents, width).numpy() >= dropped - 2**15
    # NumPy converts to floats in a fifth of torch's time.
    return torch.from_numpy(np.multiply(kept, 2**16 / (2**16 - dropped), dtype=np.float32))


def _linear(inputs: int, outputs: int, generator: torch.Generator | None) -> nn.Linear:
    """A linear map with torch's usual initial weights, drawn from ``generator`` alone."""
    # On the meta device, without weights: nn.Linear would draw them from torch's global generator.
    linear = nn.Linear(inputs, outputs, device="meta").to_empty(device=torch.get_default_device())
    bound = 1 / math.sqrt(inputs)
    nn.init.uniform_(linear.weight, -bound, bound, generator=generator)
    nn.init.uniform_(linear.bias, -bound, bound, generator=generator)
    return linear
