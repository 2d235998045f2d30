"""Units are grouped in order, none is lost, and workers get about the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from encore.pipelines.backfill.groups import GROUP_BYTES, GROUP_UNITS, groups_of

SIZES = st.lists(st.integers(1, 2 * GROUP_BYTES) | st.integers(1, 100), max_size=200)


@given(SIZES, st.none() | st.integers(1, 20))
def test_every_unit_is_in_one_group_and_none_is_empty(sizes: list[int], workers: int | None) -> None:
    groups = groups_of(range(len(sizes)), sizes, workers)
    assert [unit for group in groups for unit in group] == list(range(len(sizes)))
    assert all(groups)
    assert workers is None or len(groups) % workers == 0 or len(groups) == len(sizes)


@given(st.integers(1, 500), st.integers(1, 4 * GROUP_BYTES), st.none() | st.integers(1, 20))
def test_equal_units_make_equal_groups_within_the_limits(units: int, size: int, workers: int | None) -> None:
    groups = groups_of(range(units), [size] * units, workers)
    lengths = {len(group) for group in groups}
    assert max(lengths) - min(lengths) <= 1
    assert max(lengths) <= GROUP_UNITS
    assert max(lengths) == 1 or (max(lengths) - 1) * size <= GROUP_BYTES


@pytest.mark.parametrize(
    ("sizes", "workers", "expected"),
    [
        ([], 4, []),
        ([5], 4, [(0,)]),
        ([1, 1, 1, 1], 2, [(0, 1), (2, 3)]),
        ([9, 1, 1, 1, 1, 1, 1, 1, 1, 1], 2, [(0,), (1, 2, 3, 4, 5, 6, 7, 8, 9)]),
        ([1, 1, 1, 1, 1, 1, 1, 1, 1, 9], 2, [(0, 1, 2, 3, 4, 5, 6, 7, 8), (9,)]),
        ([1, 100, 1], 3, [(0,), (1,), (2,)]),
        ([100, 1, 1], 3, [(0,), (1,), (2,)]),
        ([1, 1, 100], 3, [(0,), (1,), (2,)]),
    ],
)
def test_large_units_count_for_several(sizes: list[int], workers: int, expected: list[tuple[int, ...]]) -> None:
    assert groups_of(range(len(sizes)), sizes, workers) == expected
