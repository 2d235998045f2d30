"""Pooling by the first position."""

from __future__ import annotations

import torch

from encore.heads.batches.batch import Batch
from encore.heads.model.cls import ClsPooling


def test_cls_pooling_is_the_first_position() -> None:
    values = torch.randn(3, 4, 5)
    assert torch.equal(ClsPooling(5)(Batch.of(values, torch.tensor([1, 4, 2]))), values[:, 0])
