"""Matrix products of training: oneDNN's, where torch has it."""

from __future__ import annotations

import torch


def product(rows: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None = None) -> torch.Tensor:
    """Rows Wᵀ + b, of float32 in any layout: (rows, outputs) from (rows, inputs) and (outputs, inputs).

    torch's own product is MKL's, which keeps to half the vector width on processors that are not Intel's. Where weights
    change with every step, oneDNN has to take them as they lie, and torch offers that to its own compiler alone: 1.6
    times as fast at d = 384, twice at 1024. Small products are left to MKL.
    """
    large = rows.shape[0] * weight.numel() >= LEAST_MULTIPLICATIONS
    if large and _ONEDNN is not None and rows.dtype == torch.float32:
        return _ONEDNN(rows, weight, bias, "none", [], "")  # type: ignore[no-any-return]
    return torch.mm(rows, weight.t()) if bias is None else torch.addmm(bias, rows, weight.t())


LEAST_MULTIPLICATIONS = 1 << 19
"""Multiplications of a product that is worth oneDNN's while: it takes 11 µs to begin, MKL one or two."""

_ONEDNN = getattr(torch.ops.mkldnn, "_linear_pointwise", None) if torch.backends.mkldnn.is_available() else None  # type: ignore[no-untyped-call]
