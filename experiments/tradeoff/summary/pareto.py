"""The Pareto front: settings that no other one beats in bytes and accuracy alike."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def on_front(sizes: npt.NDArray[np.float64], accuracies: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """(n,) whether nothing is at most as large and at least as accurate, and better in one of the two.

    Args:
        sizes: (n,) bytes.
        accuracies: (n,) higher is better.
    """
    order = np.lexsort((-accuracies, sizes))
    ranked_sizes, ranked = sizes[order], accuracies[order]
    first_of_size = np.searchsorted(ranked_sizes, ranked_sizes, side="left")
    best_below = np.concatenate([[-np.inf], np.maximum.accumulate(ranked)])[first_of_size]
    kept = np.empty(len(order), np.bool_)
    kept[order] = (ranked > best_below) & (ranked == ranked[first_of_size])
    return kept
