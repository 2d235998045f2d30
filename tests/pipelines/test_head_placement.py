"""Which devices and types heads learn and score on."""

from __future__ import annotations

import pytest
import torch

from encore.featurestore.errors import UsageError
from encore.heads.batches import Placement
from encore.pipelines.head_placement import learning_on, scoring_on


def test_on_a_cpu_heads_learn_and_score_in_single_precision() -> None:
    assert learning_on("cpu", "float32") == Placement(torch.device("cpu"), torch.float32)
    assert scoring_on("cpu", "float32") == (torch.device("cpu"), torch.float32)


@pytest.mark.parametrize(
    ("device", "dtype", "message"),
    [
        ("cpu", "bfloat16", "dtype bfloat16 on the CPU: heads learn in float32 there"),
        ("cpu", "float16", "dtype 'float16': heads learn in float32 or bfloat16"),
        ("tpu", "float32", "device 'tpu': expected auto, cpu, cuda or cuda:N"),
        ("cuda:99", "float32", "device cuda:99: this machine has"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_else_is_taken(device: str, dtype: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        learning_on(device, dtype)
