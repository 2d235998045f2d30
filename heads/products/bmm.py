"""Batched matrix products of training. Large products are cut into batches of small ones.

OpenBLAS has special kernels for small products. Where they use the full vector width
(`encore.heads.products.openblas`), they reach 210 GFLOPS on one core; torch's batched product reaches 94, and oneDNN
150 to 165.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from encore.heads.products.linear import LEAST_MULTIPLICATIONS, product
from encore.heads.products.openblas import SMALL, openblas_is_wide

Floats = npt.NDArray[np.floating[Any]]

TURNED_RESULTS = 1200
"""With a transposed right side, OpenBLAS uses its kernels for small products only up to this many numbers of a
result."""

TURNED_INNER = 32
"""With a transposed right side, OpenBLAS uses its kernels for small products only from this inner size on."""

CACHED = 1 << 18
"""Most numbers of a right side that is read in parts: 1 MB, which a cache holds. A larger matrix comes from memory, and
reading it once is best."""


def batched(left: torch.Tensor, right: torch.Tensor, out: torch.Tensor | None = None) -> torch.Tensor:
    """Multiply n pairs of matrices.

    Args:
        left: (n, rows, inner).
        right: (n, inner, columns).
        out: (n, rows, columns), receives the result; None allocates it.
    """
    lefts, rights = left.numpy(), right.numpy()
    part = _part(lefts, rights)
    if part is None:
        return torch.bmm(left, right) if out is None else out.copy_(torch.bmm(left, right))
    if out is None:
        return torch.from_numpy(_multiplied(lefts, rights, part))
    _multiplied(lefts, rights, part, out.numpy())
    return out


def large(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """Multiply a few pairs of matrices that may be large: (n, rows, inner) and (n, inner, columns)."""
    if left[0].numel() * right.shape[2] < LEAST_MULTIPLICATIONS:
        return torch.bmm(left, right)
    if right[0].numel() <= CACHED and _part(left.numpy(), right.numpy()) is not None:
        return batched(left, right)
    return torch.stack(
        [product(rows, columns.t()) for rows, columns in zip(left.unbind(), right.unbind(), strict=True)]
    )


def _part(left: Floats, right: Floats) -> tuple[int, int] | None:
    """Rows and columns of the small products that a batch is cut into; None where torch is to multiply."""
    if not openblas_is_wide() or left.size * right.shape[2] < LEAST_MULTIPLICATIONS:
        return None
    by_rows, turned = left.strides[2] == left.itemsize, right.strides[1] == right.itemsize
    # For other layouts than row-major and transposed, NumPy multiplies by itself, without BLAS.
    if not (by_rows or (left.strides[1] == left.itemsize and not turned)):
        return None
    if not (turned or right.strides[2] == right.itemsize):
        return None
    return _largest_part(left.shape[1], left.shape[2], right.shape[2], turned)


def _multiplied(left: Floats, right: Floats, part: tuple[int, int], out: Floats | None = None) -> Floats:
    """Multiply the pairs of a batch in parts."""
    # NumPy's views, not torch's: a call of torch releases the GIL, and threads with small steps would wait for it.
    rows, columns = part
    (count, height, inner), width = left.shape, right.shape[2]
    result = np.empty((count, height, width), left.dtype) if out is None else out
    np.matmul(
        left.reshape(count, height // rows, 1, rows, inner),
        right.reshape(count, 1, inner, width // columns, columns).swapaxes(2, 3),
        out=result.reshape(count, height // rows, rows, width // columns, columns).swapaxes(2, 3),
    )
    return result


@lru_cache(maxsize=4096)
def _largest_part(rows: int, inner: int, columns: int, turned: bool) -> tuple[int, int] | None:
    if turned and inner < TURNED_INNER:
        return None
    results = min(SMALL // inner, TURNED_RESULTS) if turned else SMALL // inner
    # No part has one row or one column: that would be a product with a vector, for which OpenBLAS starts threads.
    parts = (
        (height * width, width)
        for height in range(2, min(rows, results // 2) + 1)
        if rows % height == 0
        for width in range(2, min(columns, results // height) + 1)
        if columns % width == 0
    )
    size, width = max(parts, default=(0, 1))
    return (size // width, width) if size else None
