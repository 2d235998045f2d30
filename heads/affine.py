"""Affine maps that are applied many times: oneDNN's, where torch has it."""

from __future__ import annotations

import torch
from torch.nn import functional


class Affine:
    """x ↦ x Wᵀ + b for scoring.

    torch's own matrix product is MKL's, which keeps to half the vector width on processors that are not Intel's: there
    oneDNN is twice as fast even with the copies in and out of its layout.

    Attributes:
        outputs: width of the result.
    """

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor | None = None) -> None:
        self.outputs = len(weight)
        self._onednn = bool(torch.backends.mkldnn.is_available())  # type: ignore[no-untyped-call]
        self._weight = self._enter(weight.detach().contiguous())
        self._bias = None if bias is None else self._enter(bias.detach().contiguous())

    def __call__(self, values: torch.Tensor) -> torch.Tensor:
        """(rows, outputs) from (rows, inputs)."""
        mapped = functional.linear(self._enter(values), self._weight, self._bias)
        return mapped.to_dense() if self._onednn else mapped

    def _enter(self, values: torch.Tensor) -> torch.Tensor:
        return values.to_mkldnn() if self._onednn else values
