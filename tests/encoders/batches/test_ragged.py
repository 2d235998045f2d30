"""Ragged arithmetic."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from encore.encoders.batches.ragged import offsets_of, rows_of


def test_offsets_start_at_zero_and_end_at_the_total() -> None:
    assert offsets_of(np.array([2, 0, 3])).tolist() == [0, 2, 2, 5]
    assert offsets_of(np.array([], np.int64)).tolist() == [0]


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 5)), max_size=20))
def test_rows_are_the_runs_one_after_another(runs: list[tuple[int, int]]) -> None:
    starts = np.array([start for start, _ in runs], np.int64)
    lengths = np.array([length for _, length in runs], np.int64)
    expected = [start + i for start, length in runs for i in range(length)]
    assert rows_of(starts, lengths).tolist() == expected
