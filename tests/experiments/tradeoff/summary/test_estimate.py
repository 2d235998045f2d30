from __future__ import annotations

import math

import numpy as np
import pytest

from encore.experiments.tradeoff.summary.estimate import Estimate
from encore.heads.metrics.class_counts import wilson_interval


def test_one_seed_has_the_interval_of_its_documents() -> None:
    values = np.random.default_rng(0).random((1, 200))
    found = Estimate.of(values)
    assert found.mean == pytest.approx(values.mean())
    assert found.half_width == pytest.approx(1.96 * values.std(ddof=1) / math.sqrt(200), rel=1e-3)


def test_where_documents_agree_the_interval_is_the_t_interval_over_seeds() -> None:
    found = Estimate.of(np.repeat([[0.7], [0.8], [0.9]], 500, axis=1))
    assert found.half_width == pytest.approx(4.3027 * 0.1 / math.sqrt(3), rel=1e-4)


def test_the_interval_covers_the_truth_for_new_seeds_and_new_documents() -> None:
    random = np.random.default_rng(1)
    covered = 0
    for _ in range(400):
        chance = 0.8 + random.normal(0, 0.02, (3, 1)) + random.normal(0, 0.15, (1, 300))
        low, high = Estimate.of_accuracy(random.random((3, 300)) < chance).interval
        covered += low <= 0.8 <= high
    assert covered / 400 > 0.93


def test_a_paired_difference_is_surer_than_the_two_accuracies() -> None:
    random = np.random.default_rng(2)
    right = random.random((3, 500)) < 0.8
    other = right ^ (random.random((3, 500)) < 0.02)
    loss = Estimate.of(right.astype(float) - other.astype(float))
    assert loss.half_width < Estimate.of_accuracy(right).half_width / 2


@pytest.mark.parametrize("right", [True, False])
def test_where_all_documents_agree_wilsons_interval_stands_in(right: bool) -> None:
    low, high = Estimate.of_accuracy(np.full((3, 50), right)).interval
    expected = wilson_interval(50 if right else 0, 50)
    assert (max(low, 0.0), min(high, 1.0)) == pytest.approx(expected, abs=1e-6)


def test_the_mean_of_tasks_has_the_variance_of_a_mean() -> None:
    found = Estimate.average([Estimate(0.8, 0.0004, 1000.0), Estimate(0.9, 0.0004, 1000.0)])
    assert (found.mean, found.variance) == (pytest.approx(0.85), pytest.approx(0.0002))
    assert found.freedom == pytest.approx(2000)
