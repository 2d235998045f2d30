"""Matrix products of training: batches of small ones, and large ones as batches of small ones.

Where OpenBLAS has kernels of full vector width (`heads.small_products`), those for small products run at the speed of
the processor: 210 GFLOPS on one core, where torch's batches run at 94, and oneDNN at 150 to 165.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch

from heads.products import LEAST, product
from heads.small_products import SMALL, openblas_is_wide

TURNED_RESULTS = 1200
"""Numbers of a result up to which OpenBLAS takes its kernels for small products where the right side is transposed."""

TURNED_INNER = 32
"""Numbers of an inner product from which it does."""

CACHED = 1 << 18
"""Numbers of a matrix that may be read in parts, 1 MB: a larger one is read from memory, and best in one go."""


def batched(left: torch.Tensor, right: torch.Tensor, out: torch.Tensor | None = None) -> torch.Tensor:
    """The product of each of n pairs of matrices.

    Args:
        left: (n, rows, inner).
        right: (n, inner, columns).
        out: (n, rows, columns), takes the result.
    """
    part = _part(left, right)
    if part is None:
        return torch.bmm(left, right) if out is None else out.copy_(torch.bmm(left, right))
    rows, columns = part
    count, inner = len(left), right.shape[1]
    if out is None:
        out = left.new_empty(count, left.shape[1], right.shape[2])
    # (n, parts of the rows, parts of the columns, ...), as views.
    np.matmul(
        left.view(count, -1, 1, rows, inner).numpy(),
        right.view(count, 1, inner, -1, columns).transpose(2, 3).numpy(),
        out=out.view(count, out.shape[1] // rows, rows, -1, columns).transpose(2, 3).numpy(),
    )
    return out


def linear(
    rows: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None = None, out: torch.Tensor | None = None
) -> torch.Tensor:
    """Rows Wᵀ + b in any layout: (rows, outputs) from (rows, inputs) and (outputs, inputs).

    Args:
        rows: (rows, inputs).
        weight: W.
        bias: b.
        out: (rows, outputs), takes the result.
    """
    right = weight.t()[None]
    if weight.numel() > CACHED or _part(rows[None], right) is None:
        multiplied = product(rows, weight, bias)
        return multiplied if out is None else out.copy_(multiplied)
    multiplied = batched(rows[None], right, None if out is None else out[None])[0]
    return multiplied if bias is None else multiplied.add_(bias)


def _part(left: torch.Tensor, right: torch.Tensor) -> tuple[int, int] | None:
    """Rows and columns of the small products that a batch is made of; None where it is left to torch."""
    if not openblas_is_wide() or left.numel() * right.shape[2] < LEAST:
        return None
    by_rows, turned = left.stride(2) == 1, right.stride(1) == 1
    # What is neither as it lies in memory nor transposed would be multiplied by NumPy itself, without BLAS.
    if not (by_rows or left.stride(1) == 1) or not (turned or right.stride(2) == 1) or not (by_rows or not turned):
        return None
    return _largest_part(left.shape[1], left.shape[2], right.shape[2], turned)


@lru_cache(maxsize=4096)
def _largest_part(rows: int, inner: int, columns: int, turned: bool) -> tuple[int, int] | None:
    if turned and inner < TURNED_INNER:
        return None
    results = min(SMALL // inner, TURNED_RESULTS) if turned else SMALL // inner
    # A part of one row or one column would be a product with a vector, for which OpenBLAS starts threads.
    parts = (
        (height * width, width)
        for height in range(2, min(rows, results // 2) + 1)
        if rows % height == 0
        for width in range(2, min(columns, results // height) + 1)
        if columns % width == 0
    )
    size, width = max(parts, default=(0, 1))
    return (size // width, width) if size else None
