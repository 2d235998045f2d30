"""Arithmetic of ragged arrays: documents of different lengths that lie one after another on one axis."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from encore.featurestore.common import Int64s


def offsets_of(lengths: npt.NDArray[np.integer]) -> Int64s:
    """(n + 1,) int64: where each of n runs of these lengths starts, and where the last one ends."""
    offsets = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    return offsets


def rows_of(starts: npt.NDArray[np.integer], lengths: npt.NDArray[np.integer]) -> Int64s:
    """(sum of lengths,) int64: ``starts[i], starts[i] + 1, …`` for ``lengths[i]`` rows of each run i, in order."""
    offsets = offsets_of(lengths)
    return np.repeat(starts - offsets[:-1], lengths) + np.arange(offsets[-1])


def parts_of(offsets: Int64s, rows: int) -> Iterator[tuple[int, int]]:
    """(start, stop) runs of each part: neighbours with at most ``rows`` rows together; a longer run is its own part.

    Args:
        offsets: (n + 1,) int64, as from `offsets_of`.
        rows: one or more.
    """
    start = 0
    while start < len(offsets) - 1:
        stop = max(start + 1, int(np.searchsorted(offsets, offsets[start] + rows, side="right")) - 1)
        yield start, stop
        start = stop
