"""Matrix products of training: batches of small ones, and large ones as batches of small ones.

Where OpenBLAS has kernels of full vector width (`encore.heads.products.openblas`), those for small products run at the
speed of the processor: 210 GFLOPS on one core, where torch's batches run at 94, and oneDNN at 150 to 165.
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
    lefts, rights = left.numpy(), right.numpy()
    part = _part(lefts, rights)
    if part is None:
        return torch.bmm(left, right) if out is None else out.copy_(torch.bmm(left, right))
    if out is None:
        return torch.from_numpy(_multiplied(lefts, rights, part))
    _multiplied(lefts, rights, part, out.numpy())
    return out


def large(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """The product of each of a few pairs of matrices (n, rows, inner) and (n, inner, columns) that may be large."""
    if left[0].numel() * right.shape[2] < LEAST_MULTIPLICATIONS:
        return torch.bmm(left, right)
    if right[0].numel() <= CACHED and _part(left.numpy(), right.numpy()) is not None:
        return batched(left, right)
    return torch.stack(
        [product(rows, columns.t()) for rows, columns in zip(left.unbind(), right.unbind(), strict=True)]
    )


def _part(left: Floats, right: Floats) -> tuple[int, int] | None:
    """Rows and columns of the small products that a batch is made of; None where it is left to torch."""
    if not openblas_is_wide() or left.size * right.shape[2] < LEAST_MULTIPLICATIONS:
        return None
    by_rows, turned = left.strides[2] == left.itemsize, right.strides[1] == right.itemsize
    # What is neither as it lies in memory nor transposed would be multiplied by NumPy itself, without BLAS.
    if not (by_rows or (left.strides[1] == left.itemsize and not turned)):
        return None
    if not (turned or right.strides[2] == right.itemsize):
        return None
    return _largest_part(left.shape[1], left.shape[2], right.shape[2], turned)


def _multiplied(left: Floats, right: Floats, part: tuple[int, int], out: Floats | None = None) -> Floats:
    """The products of a batch, made in parts."""
    # Views of NumPy: a call of torch gives Python's lock away, and threads of small steps would wait for it.
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
