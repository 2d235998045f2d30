from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from encore.experiments.tradeoff.summary.points import on_front

PLACES = st.lists(st.tuples(st.integers(1, 8), st.integers(0, 8)), min_size=1, max_size=25)


@given(PLACES)
def test_the_front_is_what_nothing_dominates(places: list[tuple[int, int]]) -> None:
    sizes, accuracies = (np.array(axis, np.float64) for axis in zip(*places, strict=True))
    expected = [
        not any(s <= size and a >= accuracy and (s < size or a > accuracy) for s, a in places)
        for size, accuracy in places
    ]
    assert on_front(sizes, accuracies).tolist() == expected


def test_of_equal_settings_all_are_on_the_front() -> None:
    assert on_front(np.array([5.0, 5.0, 9.0]), np.array([0.8, 0.8, 0.8])).tolist() == [True, True, False]
