"""AdamW as the paper has it and as torch has it, with a rate of its own for the layer mix."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from encore.heads import TrainSettings
from encore.heads.training.optimizer import HeadOptimizer

SHAPES = {
    "pooling.key_weight": (150, 120),
    "classifier.hidden.weight": (7, 5),
    "classifier.hidden.bias": (7,),
    "mix.logits": (4,),
}


def values_of(seed: int = 0) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {name: torch.randn(shape, generator=generator) for name, shape in SHAPES.items()}


def test_it_is_the_papers_adamw_with_a_faster_layer_mix_that_is_not_pulled_back() -> None:
    settings, steps, rate = TrainSettings(), 50, 1e-3
    values = values_of()
    optimizer = HeadOptimizer(values, settings, rate, steps)
    expected = {name: value.double() for name, value in values_of().items()}
    means = {name: torch.zeros_like(value) for name, value in expected.items()}
    squares = {name: torch.zeros_like(value) for name, value in expected.items()}
    rising = 3
    for step in range(steps):
        optimizer.step(values_of(step + 1))
        share = (step + 1) / rising if step < rising else (steps - step) / (steps - rising)
        for name, gradient in values_of(step + 1).items():
            mixing = name == "mix.logits"
            now = rate * share * (100 if mixing else 1)
            means[name] = 0.9 * means[name] + 0.1 * gradient.double()
            squares[name] = 0.98 * squares[name] + 0.02 * gradient.double() ** 2
            mean, square = means[name] / (1 - 0.9 ** (step + 1)), squares[name] / (1 - 0.98 ** (step + 1))
            decayed = expected[name] if mixing else expected[name] * (1 - now * 0.01)
            expected[name] = decayed - now * mean / (square.sqrt() + 1e-6)
    for name, value in values.items():
        torch.testing.assert_close(value, expected[name].float(), rtol=1e-4, atol=1e-5)


def test_a_gradient_in_another_order_of_memory_changes_the_same_parameters() -> None:
    changed = []
    for turned in (False, True):
        values = values_of()
        gradients = {
            name: value.t().contiguous().t() if turned and value.dim() == 2 else value
            for name, value in values_of(1).items()
        }
        HeadOptimizer(values, TrainSettings(), 1e-3, 10).step(gradients)
        changed.append(values)
    for name in SHAPES:
        assert torch.equal(changed[0][name], changed[1][name])


def test_the_learning_rate_rises_then_falls_to_nothing() -> None:
    # Without decay and with a constant gradient, AdamW moves a parameter by the learning rate.
    values = {"bias": torch.zeros((), dtype=torch.float64)}
    optimizer = HeadOptimizer(values, TrainSettings(weight_decay=0.0), 1e-3, 100)
    places = [0.0]
    for _ in range(100):
        optimizer.step({"bias": torch.ones((), dtype=torch.float64)})
        places.append(float(values["bias"]))
    rates = -np.diff(places)
    assert rates[:6] == pytest.approx([1e-3 * step / 6 for step in range(1, 7)], rel=1e-5)
    assert rates.max() == pytest.approx(1e-3, rel=1e-5)
    assert np.diff(rates[6:]) == pytest.approx(np.full(93, -1e-3 / 94), rel=1e-3)
    assert rates[-1] == pytest.approx(1e-3 / 94, rel=1e-3)
