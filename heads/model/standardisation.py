"""Inputs of a head, standardised per dimension: (x - mean) · scale."""

from __future__ import annotations

import torch
from torch import nn

Tensors = dict[str, torch.Tensor]


class Standardisation(nn.Module):
    """Standardises the inputs of a head while it learns.

    Attributes:
        mean: (d,) mean.
        scale: (d,) one over the standard deviation.
    """

    mean: torch.Tensor
    scale: torch.Tensor

    def __init__(self, mean: torch.Tensor, scale: torch.Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("scale", scale)

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """Standardise values (..., d)."""
        return (values - self.mean).mul_(self.scale)

    def into(self, weights: Tensors, weight: str, bias: str) -> Tensors:
        """Fold the standardisation into an affine map: the new one takes values as they are.

        Args:
            weights: name → weight, with those of the map, which takes standardised values; float64 where a mean may be
                large beside its deviation.
            weight: name of the map's matrix.
            bias: name of the map's bias.

        Returns:
            The two names → the new matrix and the new bias.
        """
        scaled = weights[weight] * self.scale
        return {weight: scaled, bias: weights[bias] - scaled @ self.mean.to(scaled.dtype)}
