from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from encore.encoders.training import task_weights
from encore.featurestore.errors import UsageError

SIZES = {"small": 10, "middle": 1000, "large": 100_000}
sizes = st.dictionaries(st.text(min_size=1, max_size=3), st.integers(1, 10**9), min_size=1, max_size=14)


def test_temperature_one_weighs_tasks_in_proportion_to_their_size():
    assert task_weights(SIZES, 1.0) == pytest.approx({"small": 10 / 101_010, "middle": 1 / 101.01, "large": 1 / 1.0101})


@pytest.mark.parametrize("temperature", [0.0, 1e-12])
def test_temperature_towards_zero_weighs_tasks_alike(temperature: float):
    assert task_weights(SIZES, temperature) == pytest.approx(dict.fromkeys(SIZES, 1 / 3))


def test_the_exponent_is_the_temperature_and_not_its_inverse():
    weights = task_weights({"small": 1, "large": 1024}, 0.1)
    assert weights["large"] / weights["small"] == pytest.approx(2.0)


@given(sizes, st.floats(0, 5))
def test_weights_sum_to_one_and_follow_the_sizes(found: dict[str, int], temperature: float):
    weights = task_weights(found, temperature)
    assert sum(weights.values()) == pytest.approx(1.0)
    by_size = sorted(found, key=lambda task: found[task])
    assert all(weights[a] <= weights[b] * (1 + 1e-12) for a, b in pairwise(by_size))


@pytest.mark.parametrize("temperature", [-0.1, float("nan"), float("inf")])
def test_a_temperature_that_is_none_is_refused(temperature: float):
    with pytest.raises(UsageError, match=r"temperature .*: expected a number from 0 on"):
        task_weights(SIZES, temperature)


def test_no_task_is_refused():
    with pytest.raises(UsageError, match="no task is left"):
        task_weights({}, 0.1)
