"""AdamW as the paper has it and as torch has it, with a rate of its own for the layer mix."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from encore.heads import TrainSettings
from encore.heads.training.optimizer import FusedAdamW

SHAPES = {
    "pooling.key_weight": (150, 120),
    "classifier.hidden.weight": (7, 5),
    "classifier.hidden.bias": (7,),
    "mix.logits": (4,),
}


def values_of(seed: int = 0) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {name: torch.randn(shape, generator=generator) for name, shape in SHAPES.items()}


def test_it_is_torchs_adamw_with_a_faster_layer_mix_that_is_not_pulled_back() -> None:
    settings, steps, rate = TrainSettings(), 50, 1e-3
    values = values_of()
    optimizer = FusedAdamW(values, settings, rate, steps)
    plain = {name: torch.nn.Parameter(value) for name, value in values_of().items()}
    mix = plain["mix.logits"]
    reference = torch.optim.AdamW(
        [
            {"params": [parameter for parameter in plain.values() if parameter is not mix]},
            {"params": [mix], "lr": 100 * rate, "weight_decay": 0.0},
        ],
        lr=rate,
        betas=(0.9, 0.98),
        eps=1e-6,
        weight_decay=0.01,
        fused=False,
    )
    rising = 3
    schedule = torch.optim.lr_scheduler.LambdaLR(
        reference, lambda step: (step + 1) / rising if step < rising else (steps - step) / (steps - rising)
    )
    for step in range(steps):
        gradients = values_of(step + 1)
        optimizer.begin_step()
        for name in reversed(gradients):
            optimizer.take(name, gradients[name])
            plain[name].grad = gradients[name]
        reference.step()
        schedule.step()
    for name, value in values.items():
        torch.testing.assert_close(value, plain[name].detach(), rtol=1e-5, atol=1e-6)


def test_the_learning_rate_rises_then_falls_to_nothing() -> None:
    # Without decay and with a constant gradient, AdamW moves a parameter by the learning rate.
    values = {"bias": torch.zeros((), dtype=torch.float64)}
    optimizer = FusedAdamW(values, TrainSettings(weight_decay=0.0), 1e-3, 100)
    places = [0.0]
    for _ in range(100):
        optimizer.begin_step()
        optimizer.take("bias", torch.ones((), dtype=torch.float64))
        places.append(float(values["bias"]))
    rates = -np.diff(places)
    assert rates[:6] == pytest.approx([1e-3 * step / 6 for step in range(1, 7)], rel=1e-5)
    assert rates.max() == pytest.approx(1e-3, rel=1e-5)
    assert np.diff(rates[6:]) == pytest.approx(np.full(93, -1e-3 / 94), rel=1e-3)
    assert rates[-1] == pytest.approx(1e-3 / 94, rel=1e-3)
