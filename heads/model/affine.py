"""Affine maps whose weights learn."""

from __future__ import annotations

import torch


def affine(values: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    """Values (rows, inputs) · weight (outputs, inputs)ᵀ + bias (outputs,).

    torch's own `linear` gives the same. With several heads stacked (`torch.vmap`), its gradient lies transposed to the
    weight, and copying it for the optimizer takes longer than the product. Here the gradient lies as the weight does.
    """
    return (weight @ values.mT).mT + bias
