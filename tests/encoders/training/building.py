"""Small trainings that the tests of this folder share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from encore.encoders import Encoder, load_encoder
from encore.encoders.training import JointTraining, TaskTokens, TrainingSettings
from tests.encoders.plain import block

TEXTS = {
    "tone": [
        f"the film {number} is {'good' if number % 2 else 'bad'}" + " news" * (number % 5) for number in range(13)
    ],
    "kind": [f"{'the news' if number % 3 else 'to film'} {number}" for number in range(7)],
}
CODES = {"tone": np.arange(13) % 2, "kind": np.arange(7) % 3}


class DroppingHead(nn.Module):
    """A linear map after dropout, which draws from torch's global generator."""

    def __init__(self, width: int, classes: int, seed: int) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.linear = nn.Linear(width, classes)
        self.drop = nn.Dropout(0.1)

    def forward(self, pooled: torch.Tensor) -> torch.Tensor:
        return self.linear(self.drop(pooled))


def examples(encoder: Encoder) -> list[TaskTokens]:
    """Two tasks: 13 documents of two classes, 7 pairs of three classes."""
    pairs = [None, *(f"of {number}" for number in range(6))]
    return [
        TaskTokens.tokenize(encoder, "tone", block(TEXTS["tone"]), CODES["tone"]),
        TaskTokens.tokenize(encoder, "kind", block(TEXTS["kind"], pairs), CODES["kind"]),
    ]


def build(path: Path, *, dropout: bool = True, **settings: Any) -> JointTraining:
    """A fresh training of the encoder at ``path``: always the same one for the same settings."""
    encoder = load_encoder(str(path), device="cpu", trainable=True)
    heads = {"tone": DroppingHead(32, 2, seed=1), "kind": DroppingHead(32, 3, seed=2)}
    if not dropout:
        for module in (*encoder.model.modules(), *(part for head in heads.values() for part in head.modules())):
            if isinstance(module, nn.Dropout):
                module.p = 0.0
    asked = TrainingSettings(**{"steps": 6, "learning_rate": 1e-3, "batch_tokens": 60, **settings})
    return JointTraining(encoder, heads, examples(encoder), asked)


def weights(training: JointTraining) -> dict[str, torch.Tensor]:
    """Every tensor of encoder and heads, copied."""
    modules = {"model": training.encoder.model, **training.heads}
    return {f"{key}.{name}": t.clone() for key, part in modules.items() for name, t in part.state_dict().items()}
