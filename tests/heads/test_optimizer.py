"""AdamW as the paper has it, with a rate of its own for the layer mix."""

from __future__ import annotations

import numpy as np
import pytest

from heads import HeadModel, TrainSettings
from heads.optimizer import build_optimizer
from tests.heads.building import spec_of


def test_the_learning_rate_rises_then_falls_to_nothing() -> None:
    model = HeadModel.build(spec_of(), 2, "attention")
    optimizer, schedule = build_optimizer(model, TrainSettings(), 1e-3, 100)
    rates = []
    for _ in range(100):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    assert rates[:6] == pytest.approx([1e-3 * step / 6 for step in range(1, 7)])
    assert max(rates) == pytest.approx(1e-3)
    assert np.diff(rates[6:]) == pytest.approx(np.full(93, -1e-3 / 94))
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0, abs=1e-12)
    assert optimizer.defaults["betas"] == (0.9, 0.98)
    assert optimizer.defaults["eps"] == 1e-6
    assert optimizer.defaults["weight_decay"] == 0.01


def test_every_parameter_is_learned_once() -> None:
    model = HeadModel.build(spec_of(layers="stack:4"), 2, "attention", layer_mix="learned")
    optimizer, _ = build_optimizer(model, TrainSettings(), 1e-3, 100)
    learned = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    assert sorted(map(id, learned)) == sorted(map(id, model.parameters()))


def test_a_layer_mix_learns_faster_and_is_not_pulled_back() -> None:
    model = HeadModel.build(spec_of(layers="stack:4"), 2, "attention", layer_mix="learned")
    optimizer, _ = build_optimizer(model, TrainSettings(warmup=0.0), 1e-3, 100)
    others, mixing = optimizer.param_groups
    assert mixing["params"] == [model.mix.logits]
    assert mixing["lr"] == pytest.approx(100 * others["lr"])
    assert (others["weight_decay"], mixing["weight_decay"]) == (0.01, 0.0)
