"""The optimizer of encoder and heads, and its schedule (paper, appendix A)."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import nn

from encore.encoders.training.settings import TrainingSettings


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
    for group in optimizer.param_groups:
        group["lr"] = settings.learning_rate * group["factor"] * rate_share(settings, step)


def rate_share(settings: TrainingSettings, step: int) -> float:
    """Learning rate of a step, counted from 0, as a share of its peak: a linear rise, then a linear fall to zero."""
    rising = max(1, round(settings.warmup * settings.steps))
    if step < rising:
        return (step + 1) / rising
    return (settings.steps - step) / max(1, settings.steps - rising)
