"""Inputs of a head, standardised per dimension: (x - mean) · scale."""

from __future__ import annotations

import torch
from torch import nn

Tensors = dict[str, torch.Tensor]


class Standardisation(nn.Module):
    """What the inputs of a head become while it learns.

    Attributes:
        mean: (d,).
        scale: (d,) one over the deviation.
    """

    mean: torch.Tensor
    scale: torch.Tensor

    def __init__(self, mean: torch.Tensor, scale: torch.Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("scale", scale)

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """Values (..., d), standardised."""
        return (values - self.mean).mul_(self.scale)

    def into(self, weights: Tensors, weight: str, bias: str) -> Tensors:
        """The weight and the bias, by these names, of the affine map that takes values as they are.

        Args:
            weights: name → weight, among them those of the map that takes standardised values.
            weight: name of its matrix.
            bias: name of its bias.
        """
        scaled = weights[weight].double() * self.scale
        shifted = weights[bias].double() - scaled @ self.mean.double()
        return {weight: scaled.to(weights[weight].dtype), bias: shifted.to(weights[bias].dtype)}
