"""The vector of a document's first position."""

from __future__ import annotations

import torch

from encore.featurestore.spec import FeatureSpec, require_summary
from encore.heads.batches import Batch
from encore.heads.model.pooling import Pooling


class ClsPooling(Pooling):
    """The vector of the first position."""

    label = "the first position"

    @classmethod
    def check(cls, spec: FeatureSpec) -> None:
        """Raise UsageError unless the store holds a first token that sums up the text."""
        require_summary(spec.encoder, "pooling", special_tokens=spec.text.special_tokens)

    def forward(self, batch: Batch) -> torch.Tensor:
        """Pool a batch to (documents, d)."""
        return batch.values[:, 0]
