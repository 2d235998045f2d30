"""Calibration pass: the smallest and the largest value, of the whole tensor or of each dimension."""

from __future__ import annotations

from typing import Self

from encore.featurestore.common import torch
from encore.featurestore.errors import DataError


class Range:
    """Running minimum and maximum; exact, so the order of batches and their split over workers do not matter.

    Vectors with NaN or inf are left out: their documents become dead letters and are never stored.

    Attributes:
        per_dimension: whether each dimension has its own range.
        minimum: (width,) float64, or (1,) for the whole tensor; None before the first vector.
        maximum: the same.
    """

    def __init__(self, *, per_dimension: bool) -> None:
        self.per_dimension = per_dimension
        self.minimum: torch.Tensor | None = None
        self.maximum: torch.Tensor | None = None

    def update(self, values: torch.Tensor) -> None:
        """Take in float features of shape (..., width)."""
        vectors = finite_vectors(values)
        if len(vectors):
            groups = vectors if self.per_dimension else vectors.reshape(-1, 1)
            minimum, maximum = torch.aminmax(groups, dim=0)
            self._widen(minimum.double().cpu(), maximum.double().cpu())

    def merge(self, other: Self) -> None:
        """Take in what another worker saw."""
        if other.minimum is not None and other.maximum is not None:
            self._widen(other.minimum, other.maximum)

    def bounds(self, request: str) -> tuple[torch.Tensor, torch.Tensor]:
        """Minimum and maximum of the finished pass.

        Args:
            request: the quantizer's, for the error.

        Raises:
            DataError: the pass saw no finite vector.
        """
        if self.minimum is None or self.maximum is None:
            raise DataError(f"{request}: the calibration sample holds no finite vector; see the run's dead letters")
        return self.minimum, self.maximum

    def _widen(self, minimum: torch.Tensor, maximum: torch.Tensor) -> None:
        self.minimum = minimum if self.minimum is None else torch.minimum(self.minimum, minimum)
        self.maximum = maximum if self.maximum is None else torch.maximum(self.maximum, maximum)


def finite_vectors(values: torch.Tensor) -> torch.Tensor:
    """The vectors of (..., width) that hold neither NaN nor inf, as float32 (vectors, width)."""
    vectors = values.reshape(-1, values.shape[-1]).to(torch.float32)
    finite = vectors.isfinite()
    return vectors if finite.all() else vectors[finite.all(dim=-1)]
