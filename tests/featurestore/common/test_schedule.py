"""The linear warm-up and decay of learning rates."""

from __future__ import annotations

import pytest

from encore.featurestore.common.schedule import share_of_rate


def test_the_rate_rises_over_the_warm_up_and_falls_to_zero() -> None:
    shares = [share_of_rate(step, 100, 0.06) for step in range(100)]
    assert shares[:6] == pytest.approx([1 / 6, 2 / 6, 3 / 6, 4 / 6, 5 / 6, 1.0])
    assert shares[6:] == pytest.approx([(100 - step) / 94 for step in range(6, 100)])


def test_a_training_of_one_step_has_a_rate() -> None:
    assert share_of_rate(0, 1, 0.06) == 1.0
