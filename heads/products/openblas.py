"""Many small matrix products in one call: weighted sums of tokens, and value projections.

torch multiplies with MKL, which uses only half the vector width on processors that are not Intel's. It offers oneDNN's
batched product only for half precision. NumPy loops over BLAS without Python and without the GIL, and OpenBLAS has
kernels of full width for small products. With them the weighted sums of one head take a third of the time, those of 14
heads half.
"""

from __future__ import annotations

from functools import cache, lru_cache

import numpy as np
import torch
from threadpoolctl import threadpool_info

from encore.heads.products.linear import product

WIDE_KERNELS = frozenset({"SkylakeX", "Cooperlake", "SapphireRapids"})
"""OpenBLAS's names for processors with vectors of 512 bits."""

SMALL = 1_000_000
"""Most multiply-adds of a product for which OpenBLAS uses its kernels for small products, and one thread."""


ROWS = 64
"""`multiply` takes documents in multiples of this. So they can be cut into small products of one size, and oneDNN meets
few shapes: it generates code for each new shape, which takes a quarter to half a millisecond."""


@cache
def openblas_is_wide() -> bool:
    """Whether NumPy multiplies with OpenBLAS's kernels of full vector width. Without them torch is as fast or faster.

    OpenBLAS chooses kernels by the processor, or by the environment variable ``OPENBLAS_CORETYPE``.
    """
    return any(
        library["internal_api"] == "openblas"
        # SciPy brings its own copy of OpenBLAS.
        and "scipy.libs" not in library["filepath"]
        and library["architecture"] in WIDE_KERNELS
        for library in threadpool_info()
    )


def weighted_sums(weights: torch.Tensor, values: torch.Tensor, out: torch.Tensor) -> None:
    """Compute several weighted sums of the tokens of each document.

    Args:
        weights: (vectors, documents, tokens) float32.
        values: (documents, tokens, d) float32.
        out: (vectors, documents, d), receives the result.
    """
    vectors, documents, tokens = weights.shape
    together = _largest_divisor(vectors, SMALL // (tokens * values.shape[2]))
    # A product with a single row is one with a vector, for which OpenBLAS starts threads.
    if together < 2 or not openblas_is_wide():
        torch.bmm(weights.transpose(0, 1), values, out=out.transpose(0, 1))
        return
    # Documents first: the values of a document stay in the processor's nearest cache for all its sums.
    some, sums = (
        tensor.view(-1, together, documents, tensor.shape[2]).permute(2, 0, 1, 3) for tensor in (weights, out)
    )
    np.matmul(some.numpy(), values[:, None].numpy(), out=sums.numpy())


def laid_out(weights: torch.Tensor) -> torch.Tensor:
    """Matrices (n, outputs, inputs) as `multiply` takes them: (n, inputs, outputs), in the fastest memory layout."""
    inputs_first = weights.transpose(1, 2)
    return inputs_first.contiguous() if openblas_is_wide() else inputs_first


def multiply(vectors: torch.Tensor, weights: torch.Tensor, bias: torch.Tensor | None = None) -> torch.Tensor:
    """Multiply each of a document's n vectors by its own matrix, and put the results side by side.

    Args:
        vectors: (n, documents, inputs) float32; the number of documents is a multiple of `ROWS`.
        weights: (matrices, inputs, outputs) from `laid_out`; vector i takes matrix i modulo ``matrices``.
        bias: (n · outputs,), added; None for none.

    Returns:
        (documents, n · outputs).
    """
    count, documents, inputs = vectors.shape
    matrices, _, outputs = weights.shape
    together = _largest_divisor(ROWS, SMALL // (inputs * outputs))
    if together < 2 or not openblas_is_wide():
        parts = None if bias is None else bias.chunk(count)
        products = [
            product(rows, weights[place % matrices].t(), None if parts is None else parts[place])
            for place, rows in enumerate(vectors)
        ]
        return products[0] if count == 1 else torch.cat(products, dim=1)
    multiplied = torch.empty(documents, count * outputs)
    np.matmul(
        vectors.view(-1, matrices, documents // together, together, inputs).numpy(),
        weights[:, None].numpy(),
        out=multiplied.view(-1, together, count // matrices, matrices, outputs).permute(2, 3, 0, 1, 4).numpy(),
    )
    return multiplied if bias is None else multiplied.add_(bias)


@lru_cache(maxsize=4096)
def _largest_divisor(whole: int, at_most: int) -> int:
    """The largest number up to ``at_most`` that divides ``whole``; 0 where ``at_most`` is 0."""
    return next((part for part in range(min(whole, at_most), 0, -1) if whole % part == 0), 0)
