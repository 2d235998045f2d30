"""Which segments a worker takes one after the other: enough that it reads ahead, few enough that workers share them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

GROUP_UNITS = 32
"""Units of a group at most, where they are equally large."""
GROUP_BYTES = 256 << 20
"""Packed bytes of a group at most, where its units are equally large and none has more by itself."""

Unit = TypeVar("Unit")


def groups_of(units: Sequence[Unit], sizes: Sequence[int], workers: int | None) -> list[tuple[Unit, ...]]:
    """The units in groups of neighbours that hardly differ in size.

    Args:
        units: in order.
        sizes: packed bytes of each, 1 or more.
        workers: threads that each get as many groups as the others, where that is known.
    """
    if not units:
        return []
    ends = np.cumsum(np.asarray(sizes, np.float64))
    wanted = max(-(-len(units) // GROUP_UNITS), int(-(-ends[-1] // GROUP_BYTES)))
    if workers is not None:
        wanted = -(-wanted // workers) * workers
    wanted = min(wanted, len(units))
    # A unit goes where its middle lies, and a group that would be empty takes one of its neighbour's.
    middles = ends - np.asarray(sizes, np.float64) / 2
    cuts = np.searchsorted(middles, ends[-1] * np.arange(1, wanted) / wanted)
    places = np.arange(1, wanted)
    cuts = np.maximum.accumulate(np.maximum(cuts, places) - places) + places
    cuts = np.minimum(cuts, len(units) - wanted + places)
    return [tuple(units[start:stop]) for start, stop in zip([0, *cuts], [*cuts, len(units)], strict=True)]
