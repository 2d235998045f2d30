from __future__ import annotations

import math

import numpy as np
import pytest

from encore.experiments.bench.intervals import T_95, half_width, sampling_half_width


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
