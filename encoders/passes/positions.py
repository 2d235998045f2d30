"""Position pooling before storage: every token, the first one, or their mean; padding never counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
import torch

from encore.encoders.passes.transfer import to_device
from encore.featurestore.common import Int64s


@dataclass(frozen=True)
class StoredPositions:
    """Which rows of a padded batch are stored.

    Attributes:
        kind: ``tokens``, ``cls`` or ``mean``.
        kept: (documents, longest) bool on the encoder's device: the positions that count.
        flat: (kept positions,) int64 on the same device: their places in the flattened batch.
        lengths: (documents,) int64 on the host: rows of each document after pooling.
    """

    kind: str
    kept: torch.Tensor
    flat: torch.Tensor
    lengths: Int64s

    @classmethod
    def build(cls, kind: str, kept: npt.NDArray[np.bool_], device: torch.device) -> Self:
        """Positions of a batch whose stored positions are ``kept`` (documents, longest)."""
        tokens = kept.sum(axis=1, dtype=np.int64)
        lengths = tokens if kind == "tokens" else np.ones_like(tokens)
        return cls(kind, to_device(kept, device), to_device(np.flatnonzero(kept), device), lengths)

    def select(self, values: torch.Tensor) -> torch.Tensor:
        """Float32 rows (sum of `lengths`, d) from a padded batch (documents, longest, d), which may have empty rows."""
        values = values[: len(self.kept)]
        if self.kind == "tokens":
            return values.flatten(0, 1).index_select(0, self.flat).float()
        if self.kind == "cls":
            return values[:, 0].float()
        # Mask padding, and do not multiply it by 0: an encoder may leave NaN there.
        total = values.float().masked_fill(~self.kept[..., None], 0.0).sum(dim=1)
        return total / self.kept.sum(dim=1, keepdim=True)
