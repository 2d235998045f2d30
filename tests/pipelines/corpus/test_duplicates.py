from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from encore.pipelines.corpus.duplicates import find_duplicates

# Few values, so that keys share one half, both halves, or neither.
KEYS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=40)


@given(KEYS)
def test_all_but_the_first_of_equal_keys_are_duplicates_of_the_first(keys):
    first: dict[tuple[int, int], int] = {}
    expected = [(at, first[key]) for at, key in enumerate(keys) if first.setdefault(key, at) != at]
    later, leaders = find_duplicates(np.array(keys, np.uint64).reshape(-1, 2))
    assert list(zip(later.tolist(), leaders.tolist(), strict=True)) == expected


def test_the_halves_of_a_key_are_not_mixed_up():
    assert find_duplicates(np.array([[1, 2], [2, 1], [2**64 - 1, 0], [0, 2**64 - 1]], np.uint64))[0].tolist() == []
