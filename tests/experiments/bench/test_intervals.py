from __future__ import annotations

import math

import numpy as np
import pytest

from encore.experiments.bench.intervals import T_95, Estimate, half_width, sampling_half_width
from encore.heads.metrics.class_counts import wilson_interval


def student_cdf(value: float, freedom: int) -> float:
    """By Simpson's rule, from the density."""
    constant = math.gamma((freedom + 1) / 2) / (math.sqrt(freedom * math.pi) * math.gamma(freedom / 2))
    grid = np.linspace(0, value, 20001)
    density = constant * (1 + grid**2 / freedom) ** (-(freedom + 1) / 2)
    weights = np.ones(len(grid))
    weights[1:-1:2], weights[2:-1:2] = 4, 2
    return float(0.5 + (weights * density).sum() * (grid[1] - grid[0]) / 3)


def test_the_quantiles_leave_two_and_a_half_percent_above() -> None:
    assert [student_cdf(value, freedom) for freedom, value in enumerate(T_95, 1)] == pytest.approx(
        [0.975] * len(T_95), abs=5e-6
    )


def test_the_half_width_is_students() -> None:
    values = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    assert half_width(values) == pytest.approx(2.7764 * math.sqrt(2.5) / math.sqrt(5))
    assert half_width(np.array([0.3])) is None
    assert half_width(np.arange(100.0)) == pytest.approx(1.96 * np.arange(100.0).std(ddof=1) / 10, rel=1e-3)


def test_the_half_width_for_dev_samples_is_that_of_simulated_ones() -> None:
    shares, documents = np.array([0.9, 0.6, 0.75]), np.array([200, 500, 1000])
    random = np.random.default_rng(0)
    means = (random.binomial(documents, shares, size=(20000, 3)) / documents).mean(axis=1)
    assert sampling_half_width(shares, documents) == pytest.approx(1.96 * means.std(), rel=0.02)


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
