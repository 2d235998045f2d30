"""Ids seen twice in a corpus, found by their key hashes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from encore.featurestore.common import Int64s

Keys = npt.NDArray[np.uint64]


def find_duplicates(keys: Keys) -> tuple[Int64s, Int64s]:
    """Find the keys that came earlier in the corpus.

    Args:
        keys: (n, 2) uint64 in corpus order, as `encore.featurestore.documents.keys.words` gives them.

    Returns:
        Two arrays, (duplicates,) int64: the ascending positions of all but the first of equal keys; and for each of
        them the position of the first.
    """
    # Keys are sorted by one half; the other half is compared only where the first is equal. This costs half as much
    # as a sort by both.
    order = np.argsort(keys[:, 0])
    high = keys[order, 0]
    same = high[1:] == high[:-1]
    shared = np.zeros(len(keys), bool)
    shared[1:] |= same
    shared[:-1] |= same
    positions = order[shared]
    positions = positions[np.lexsort((positions, keys[positions, 1], keys[positions, 0]))]
    if not len(positions):
        return positions, positions
    first = np.ones(len(positions), bool)
    first[1:] = (keys[positions[1:]] != keys[positions[:-1]]).any(axis=1)
    leaders = positions[first][np.cumsum(first) - 1]
    later, leaders = positions[~first], leaders[~first]
    rising = np.argsort(later)
    return later[rising], leaders[rising]
