"""Arithmetic of ragged arrays: documents of different lengths that lie one after another on one axis."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Index = npt.NDArray[np.int64]


def offsets_of(lengths: npt.NDArray[np.integer]) -> Index:
    """(n + 1,) int64: where each of n runs of these lengths starts, and where the last one ends."""
    offsets = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    return offsets


def rows_of(starts: npt.NDArray[np.integer], lengths: npt.NDArray[np.integer]) -> Index:
    """(sum of lengths,) int64: ``starts[i], starts[i] + 1, …`` for ``lengths[i]`` rows of each run i, in order."""
    offsets = offsets_of(lengths)
    return np.repeat(starts - offsets[:-1], lengths) + np.arange(offsets[-1])
