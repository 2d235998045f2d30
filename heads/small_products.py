"""Many small matrix products in one call: weighted sums of tokens, and value projections.

torch makes them with MKL, which keeps to half the vector width on processors that are not Intel's, and offers those of
oneDNN for halved floats alone. NumPy loops over BLAS without Python and without the GIL, and OpenBLAS has kernels of
full width for small products: with them one head's weighted sums take a third of the time, those of 14 heads half.
"""

from __future__ import annotations

import os
from functools import cache

import numpy as np
import torch

from heads.products import product

WIDE_KERNELS = frozenset({"skylakex", "cooperlake", "sapphirerapids"})
"""Values of ``OPENBLAS_CORETYPE`` with vectors of 512 bits."""

SMALL = 1_000_000
"""Multiply-adds up to which OpenBLAS takes its kernels for small products, and one thread."""


ROWS = 8
"""Documents that `project` multiplies together."""


@cache
def openblas_is_wide() -> bool:
    """Whether NumPy multiplies with OpenBLAS, told by ``OPENBLAS_CORETYPE`` to take kernels of full width.

    OpenBLAS offers no way to ask which kernels it has taken; with others, torch is as fast or faster.
    """
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]["name"]
    return "openblas" in blas and os.environ.get("OPENBLAS_CORETYPE", "").lower() in WIDE_KERNELS


def weighted_sums(weights: torch.Tensor, values: torch.Tensor, out: torch.Tensor) -> None:
    """Several weighted sums of the tokens of each document.

    Args:
        weights: (vectors, documents, tokens) float32.
        values: (documents, tokens, d) float32.
        out: (vectors, documents, d), takes the result.
    """
    vectors, _, tokens = weights.shape
    together = SMALL // (tokens * values.shape[2])
    # One row alone would be a product of OpenBLAS with a vector, for which it starts threads.
    if min(vectors, together) < 2 or not openblas_is_wide():
        torch.bmm(weights.transpose(0, 1), values, out=out.transpose(0, 1))
        return
    tokenwise = values.numpy()
    pieces = -(-vectors // together)
    for some, sums in zip(weights.tensor_split(pieces), out.tensor_split(pieces), strict=True):
        np.matmul(some.transpose(0, 1).numpy(), tokenwise, out=sums.transpose(0, 1).numpy())


def laid_out(weights: torch.Tensor) -> torch.Tensor:
    """Matrices (n, outputs, inputs) as `project` takes them: (n, inputs, outputs), in the order that is fastest."""
    inputs_first = weights.transpose(1, 2)
    return inputs_first.contiguous() if openblas_is_wide() else inputs_first


def project(vectors: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Each vector of a document by a matrix of its own, side by side.

    Args:
        vectors: (n, documents, inputs) float32; the documents are a multiple of `ROWS`.
        weights: (matrices, inputs, outputs) from `laid_out`; every so many vectors they begin again.

    Returns:
        (documents, n · outputs).
    """
    count, documents, inputs = vectors.shape
    matrices, _, outputs = weights.shape
    if ROWS * inputs * outputs > SMALL or not openblas_is_wide():
        return torch.cat([product(rows, weights[place % matrices].t()) for place, rows in enumerate(vectors)], dim=1)
    projected = torch.empty(documents, count, outputs)
    np.matmul(
        vectors.view(-1, matrices, documents // ROWS, ROWS, inputs).numpy(),
        weights[:, None].numpy(),
        out=projected.view(-1, ROWS, count // matrices, matrices, outputs).permute(2, 3, 0, 1, 4).numpy(),
    )
    return projected.flatten(1)
