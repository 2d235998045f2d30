"""Which documents go together in a batch."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from encore.featurestore.spec import FeatureSpec

POOL_BATCHES = 32
"""Training batches whose documents are sorted by length together: enough to save padding, few enough to stay random."""

BATCH_FLOATS = 1 << 20
"""Decoded floats of a batch that is only scored, padding included: 4 MB, which stay in the processor's caches. At four
times as many, and for batches of a fixed number of documents, scoring was slower."""


def rows_of_budget(spec: FeatureSpec) -> int:
    """Padded rows that have `BATCH_FLOATS` once they are decoded."""
    return max(1, BATCH_FLOATS // (spec.width * (spec.layers.stacked or 1)))


def training_batches(
    lengths: npt.NDArray[np.int64], size: int, generator: torch.Generator
) -> list[npt.NDArray[np.int64]]:
    """Every document once, in random batches of documents of like length.

    Documents are shuffled into pools of `POOL_BATCHES` batches and sorted by length within a pool; then the batches are
    shuffled.

    Args:
        lengths: (documents,) rows of each.
        size: documents a batch; the last one may be smaller.
        generator: source of the order.

    Returns:
        Positions of the documents of each batch.
    """
    order = torch.randperm(len(lengths), generator=generator).numpy()
    pools = np.arange(len(order)) // (size * POOL_BATCHES)
    order = order[np.lexsort((lengths[order], pools))]
    batches = np.split(order, range(size, len(order), size))
    return [batches[i] for i in torch.randperm(len(batches), generator=generator).tolist()]


def budget_batches(lengths: npt.NDArray[np.int64], budget: int) -> list[npt.NDArray[np.int64]]:
    """Every document once, shortest first, as many to a batch as fit a budget of padded rows.

    Args:
        lengths: (documents,) rows of each.
        budget: rows a batch may have, padding included; a longer document is a batch of its own.

    Returns:
        Positions of the documents of each batch.
    """
    order = np.argsort(lengths, kind="stable")
    ascending = lengths[order]
    batches = []
    start = 0
    while start < len(order):
        # Sorted lengths: the padded size of a batch ending at i is (i - start + 1) times the length at i.
        window = ascending[start : start + budget]
        fitting = int(np.searchsorted(window * np.arange(1, len(window) + 1), budget, side="right"))
        stop = start + max(1, fitting)
        batches.append(order[start:stop])
        start = stop
    return batches
