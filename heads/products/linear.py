"""Affine maps in training, by oneDNN where torch has it."""

from __future__ import annotations

import torch


def product(rows: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None = None) -> torch.Tensor:
    """Rows Wᵀ + b, of float32 in any layout: (rows, outputs) from (rows, inputs) and (outputs, inputs).

    torch multiplies with MKL, which uses only half the vector width on processors that are not Intel's. oneDNN is 1.6
    times as fast at d = 384, and twice as fast at 1024. Weights change with every step, so that oneDNN must take them
    as they lie in memory. torch has that only as a private operator, for its compiler. Small products stay with MKL.
    """
    large = rows.shape[0] * weight.numel() >= LEAST_MULTIPLICATIONS
    if large and _ONEDNN is not None and rows.dtype == torch.float32:
        return _ONEDNN(rows, weight, bias, "none", [], "")  # type: ignore[no-any-return]
    return torch.mm(rows, weight.t()) if bias is None else torch.addmm(bias, rows, weight.t())


LEAST_MULTIPLICATIONS = 1 << 19
"""Least multiplications of a product for oneDNN: a call costs 11 µs before it starts, with MKL one or two."""

_ONEDNN = getattr(torch.ops.mkldnn, "_linear_pointwise", None) if torch.backends.mkldnn.is_available() else None  # type: ignore[no-untyped-call]
