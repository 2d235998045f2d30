"""Calibration pass: mean and covariance of all dimensions, exact whatever the order of the sample."""

from __future__ import annotations

from typing import Self

import torch

from featurestore.quantizers.ranges import finite_vectors

STEPS = 2047
"""Values are counted in so many steps from 0 to the bound of their dimension. Their products are below 2²², so that
float64, which holds every integer below 2⁵³, adds up those of 2³¹ vectors without rounding, in any order."""


class Moments:
    """Sums and products of values in fixed point; integers, so that merging is exact.

    Vectors with NaN or inf are left out.

    Attributes:
        bound: (width,) float64 above 0: the largest magnitude of each dimension, from a `Range` pass.
        count: vectors.
        sums: (width,) float64 integers.
        products: (width, width) float64 integers.
    """

    def __init__(self, bound: torch.Tensor) -> None:
        self.bound = bound
        self.count = 0
        self.sums = torch.zeros(len(bound), dtype=torch.float64)
        self.products = torch.zeros(len(bound), len(bound), dtype=torch.float64)

    def update(self, values: torch.Tensor) -> None:
        """Take in float features of shape (..., width)."""
        vectors = finite_vectors(values)
        steps = torch.round(vectors.double() / self.bound.to(vectors.device) * STEPS)
        self.count += len(steps)
        self.sums += steps.sum(dim=0).cpu()
        self.products += (steps.T @ steps).cpu()

    def merge(self, other: Self) -> None:
        """Take in what another worker summed in the same steps."""
        self.count += other.count
        self.sums += other.sums
        self.products += other.products

    def mean_and_covariance(self) -> tuple[torch.Tensor, torch.Tensor]:
        """(width,) and (width, width) float64, of at least one vector."""
        step = self.bound / STEPS
        mean = self.sums / self.count
        covariance = self.products / self.count - mean[:, None] * mean
        return mean * step, covariance * step[:, None] * step
