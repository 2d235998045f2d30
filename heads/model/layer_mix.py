"""One vector from the m layers of ``stack:m`` features: the paper's LEARNED-COMB (section 4)."""

from __future__ import annotations

import torch
from torch import nn

from encore.featurestore.errors import UsageError
from encore.heads.batches import Batch

LAYER_MIXES = ("uniform", "learned")
"""How the layers of stacked features are weighted: equally, or by weights that the task learns."""

LOGITS = "mix.logits"
"""The parameter of a head that a mix learns."""


class LayerMix(nn.Module):
    """A convex combination of the m layers of a token.

    Learned weights are the softmax of m logits that start at zero, that is, at the uniform mix (Peters et al., 2019).

    Attributes:
        kind: ``uniform`` or ``learned``.
        count: number m of layers.

    Raises:
        UsageError: unknown kind.
    """

    logits: torch.Tensor

    def __init__(self, kind: str, count: int) -> None:
        super().__init__()
        if kind not in LAYER_MIXES:
            raise UsageError(f"layer mix {kind!r}: expected {' or '.join(LAYER_MIXES)}")
        self.kind = kind
        self.count = count
        if kind == "learned":
            self.logits = nn.Parameter(torch.zeros(count))
        else:
            # On the CPU even when the module is built on the meta device: the buffer is not saved, so nothing loads it.
            self.register_buffer("logits", torch.zeros(count, device="cpu"), persistent=False)

    @property
    def weights(self) -> torch.Tensor:
        """(m,) weights of the layers, lowest first; they sum to 1."""
        return self.logits.softmax(dim=0)

    def forward(self, batch: Batch) -> Batch:
        """Mix the layers of a batch to one vector a token."""
        return batch.mixed(self.weights)
