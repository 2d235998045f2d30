"""The mean over a document's positions."""

from __future__ import annotations

import torch

from encore.heads.batches import Batch
from encore.heads.model.pooling import Pooling


class MeanPooling(Pooling):
    """The mean over all positions that are not padding, special tokens included."""

    label = "the mean of all positions"

    def forward(self, batch: Batch) -> torch.Tensor:
        """Pool a batch to (documents, d)."""
        values = batch.values
        shares = (~batch.padding).to(values.dtype) / batch.lengths[:, None].to(values.dtype)
        return torch.bmm(shares[:, None, :], values)[:, 0]
