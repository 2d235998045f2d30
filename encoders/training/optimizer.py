"""The optimizer of encoder and heads, and its schedule (paper, appendix A)."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import nn

from encore.encoders.training.settings import TrainingSettings
from encore.featurestore.common import share_of_rate


def build_optimizer(model: nn.Module, heads: Iterable[nn.Module], settings: TrainingSettings) -> torch.optim.AdamW:
    """AdamW with two groups, encoder and heads. `set_rates` sets their learning rates before every step."""
    return torch.optim.AdamW(
        [
            {"params": list(model.parameters()), "factor": 1.0},
            {"params": [weight for head in heads for weight in head.parameters()], "factor": settings.head_factor},
        ],
        lr=settings.learning_rate,
        betas=(settings.beta1, settings.beta2),
        eps=settings.epsilon,
        weight_decay=settings.weight_decay,
        fused=True,
    )


def set_rates(optimizer: torch.optim.Optimizer, settings: TrainingSettings, step: int) -> None:
    """Set the learning rates of this step, counted from 0."""
    share = share_of_rate(step, settings.steps, settings.warmup)
    for group in optimizer.param_groups:
        group["lr"] = settings.learning_rate * group["factor"] * share
