"""Groups of segments. A worker takes the segments of a group one after the other.

A group has enough segments that the worker can read ahead, and few enough that all workers get some.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

GROUP_UNITS = 32
"""The most units of a group, where all units are equally large."""
GROUP_BYTES = 256 << 20
"""The most packed bytes of a group, where its units are equally large and none of them is larger than this."""

Unit = TypeVar("Unit")


def groups_of(units: Sequence[Unit], sizes: Sequence[int], workers: int | None) -> list[tuple[Unit, ...]]:
    """Divide the units into groups of neighbours. The groups are of nearly equal size in bytes.

    Args:
        units: in order.
        sizes: packed bytes of each, 1 or more.
        workers: number of worker threads; each gets the same number of groups. None where it is not known.
    """
    if not units:
        return []
    ends = np.cumsum(np.asarray(sizes, np.float64))
    wanted = max(-(-len(units) // GROUP_UNITS), int(-(-ends[-1] // GROUP_BYTES)))
    if workers is not None:
        wanted = -(-wanted // workers) * workers
    wanted = min(wanted, len(units))
    # The middle of a unit, in bytes, decides its group. An empty group takes a unit from its neighbour.
    middles = ends - np.asarray(sizes, np.float64) / 2
    cuts = np.searchsorted(middles, ends[-1] * np.arange(1, wanted) / wanted)
    places = np.arange(1, wanted)
    cuts = np.maximum.accumulate(np.maximum(cuts, places) - places) + places
    cuts = np.minimum(cuts, len(units) - wanted + places)
    return [tuple(units[start:stop]) for start, stop in zip([0, *cuts], [*cuts, len(units)], strict=True)]
