"""AdamW with one rate for the encoder and one for the heads."""

from __future__ import annotations

import pytest
from torch import nn

from encore.encoders.training.optimizer import build_optimizer, set_rates
from encore.encoders.training.settings import TrainingSettings


def test_heads_learn_faster_by_their_factor_at_every_step() -> None:
    settings = TrainingSettings(steps=100, warmup=0.06, learning_rate=1e-4, head_factor=5.0)
    optimizer = build_optimizer(nn.Linear(2, 2), [nn.Linear(2, 3)], settings)
    for step, share in ((0, 1 / 6), (5, 1.0), (53, 0.5)):
        set_rates(optimizer, settings, step)
        assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([1e-4 * share, 5e-4 * share])
