"""Ragged arithmetic."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from encore.featurestore.documents.ragged_arrays import offsets_of, parts_of, rows_of


def test_offsets_start_at_zero_and_end_at_the_total() -> None:
    assert offsets_of(np.array([2, 0, 3])).tolist() == [0, 2, 2, 5]
    assert offsets_of(np.array([], np.int64)).tolist() == [0]


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 5)), max_size=20))
def test_rows_are_the_runs_one_after_another(runs: list[tuple[int, int]]) -> None:
    starts = np.array([start for start, _ in runs], np.int64)
    lengths = np.array([length for _, length in runs], np.int64)
    expected = [start + i for start, length in runs for i in range(length)]
    assert rows_of(starts, lengths).tolist() == expected


@given(st.lists(st.integers(0, 9), max_size=30), st.integers(1, 20))
def test_parts_are_neighbours_of_at_most_so_many_rows_or_one_long_run(lengths: list[int], rows: int) -> None:
    parts = list(parts_of(offsets_of(np.array(lengths, np.int64)), rows))
    assert [run for start, stop in parts for run in range(start, stop)] == list(range(len(lengths)))
    for start, stop in parts:
        assert stop == start + 1 or sum(lengths[start:stop]) <= rows
    for start, stop in parts[:-1]:
        assert sum(lengths[start : stop + 1]) > rows
