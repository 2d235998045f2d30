"""Whether an accuracy still rises is told from its noise."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from encore.heads.training.epochs import Epoch, still_rising


def history(accuracies: Sequence[float | None]) -> list[Epoch]:
    return [
        Epoch("mean", 3e-4, 32, 0, number, len(accuracies), 1.0, accuracy, 0.1)
        for number, accuracy in enumerate(accuracies, 1)
    ]


@pytest.mark.parametrize(
    ("accuracies", "documents", "rising"),
    [
        ([0.5, 0.6, 0.7, 0.8], 500, True),
        ([0.6, 0.74], 300, True),
        ([0.6, 0.7, 0.74], 300, True),
        ([0.5, 0.7, 0.84, 0.86, 0.86, 0.87, 0.86, 0.87], 500, False),
        ([0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85], 500, True),
        # The last epoch is the best, by two documents.
        ([0.7, 0.8, 0.86, 0.86, 0.86, 0.86, 0.86, 0.864], 500, False),
        ([0.9, 0.8, 0.7, 0.6], 500, False),
        ([1.0, 1.0, 1.0, 1.0], 500, False),
        ([0.5], 500, False),
        ([None, None, None, None], 500, False),
    ],
)
def test_an_accuracy_that_rises_beyond_its_noise_is_rising(
    accuracies: Sequence[float | None], documents: int, rising: bool
) -> None:
    assert still_rising(history(accuracies), documents) is rising


def test_an_accuracy_that_stands_is_rarely_said_to_rise() -> None:
    random = np.random.default_rng(0)
    found = [still_rising(history(random.binomial(500, 0.85, 8) / 500), 500) for _ in range(1000)]
    # Epochs that have nothing in common: those of a head agree in most documents, and differ far less.
    assert np.mean(found) < 0.4
