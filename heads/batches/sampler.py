"""Which documents go together in a batch."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from encore.featurestore.spec import FeatureSpec

POOL_BATCHES = 32
"""Training batches in a pool that is sorted by length: enough to save padding, few enough to keep the order random."""

BATCH_FLOATS = 1 << 20
"""Decoded floats of a batch that is only scored, padding included. They are 4 MB and stay in the processor's caches.
Scoring was slower with four times as many, and with a fixed number of documents a batch."""


def rows_of_budget(spec: FeatureSpec) -> int:
    """Padded rows that decode to `BATCH_FLOATS` floats."""
    return max(1, BATCH_FLOATS // (spec.width * (spec.layers.stacked or 1)))


def training_batches(
    lengths: npt.NDArray[np.int64], size: int, generator: torch.Generator
) -> list[npt.NDArray[np.int64]]:
    """Put every document into one random batch, with documents of similar length together.

    Documents are shuffled into pools of `POOL_BATCHES` batches. Each pool is sorted by length and cut into batches.
    Then the batches are shuffled.

    Args:
        lengths: (documents,) rows of each document.
        size: documents a batch; one batch may be smaller.
        generator: draws the order.

    Returns:
        Positions of the documents of each batch.
    """
    order = torch.randperm(len(lengths), generator=generator).numpy()
    pools = np.arange(len(order)) // (size * POOL_BATCHES)
    order = order[np.lexsort((lengths[order], pools))]
    batches = np.split(order, range(size, len(order), size))
    return [batches[i] for i in torch.randperm(len(batches), generator=generator).tolist()]


def budget_batches(lengths: npt.NDArray[np.int64], budget: int) -> list[npt.NDArray[np.int64]]:
    """Put every document into one batch, shortest first, as many to a batch as a budget of padded rows allows.

    Args:
        lengths: (documents,) rows of each document.
        budget: rows that a batch may have, padding included. A document with more rows is a batch of its own.

    Returns:
        Positions of the documents of each batch.
    """
    order = np.argsort(lengths, kind="stable")
    ascending = lengths[order]
    batches = []
    start = 0
    while start < len(order):
        # Lengths rise, so that the padded size of a batch ending at i is (i - start + 1) times the length at i.
        window = ascending[start : start + budget]
        fitting = int(np.searchsorted(window * np.arange(1, len(window) + 1), budget, side="right"))
        stop = start + max(1, fitting)
        batches.append(order[start:stop])
        start = stop
    return batches
