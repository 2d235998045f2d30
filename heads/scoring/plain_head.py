"""Scoring with a head's own module. It works for every pooling, on every device."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace

import torch

from encore.heads.batches import Batch
from encore.heads.model import AttentionPooling, HeadModel


class PlainHead:
    """A head that scores by its own module. Tests compare the fast paths with it.

    Attributes:
        classes: number of classes.
        vectors: vectors that it holds for each document at a time.
    """

    def __init__(self, model: HeadModel, device: torch.device) -> None:
        """Copy a head to a device. The given model stays where it is."""
        self._model = deepcopy(model).to(device)
        self.classes = model.classifier.output.out_features
        pooling = model.pooling
        self.vectors = pooling.vectors * (pooling.heads if isinstance(pooling, AttentionPooling) else 1)

    def __call__(self, batch: Batch) -> torch.Tensor:
        """Float32 (documents, classes) probabilities of a batch."""
        return self._model(replace(batch, rows=batch.rows.float())).softmax(dim=-1)  # type: ignore[no-any-return]
