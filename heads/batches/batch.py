"""A batch of decoded features, as several heads read it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from encore.heads.model import LayerMix


@dataclass(frozen=True)
class DecodedBatch:
    """Padded features of some documents.

    Attributes:
        documents: (documents,) their positions.
        values: (documents, tokens · m, d) floats, the m layers of a token side by side; from a document's length on any
            finite number.
        layers: m; 1 where the layers are pooled.
        lengths: (documents,) tokens of each document, at least 1.
        first_lengths: (documents,) those before the second text's own; None where no head asks for them.
        targets: (documents,) class of each.
    """

    documents: npt.NDArray[np.int64]
    values: torch.Tensor
    layers: int
    lengths: torch.Tensor
    first_lengths: torch.Tensor | None
    targets: torch.Tensor

    @classmethod
    def of(
        cls,
        documents: npt.NDArray[np.int64],
        values: torch.Tensor,
        lengths: torch.Tensor,
        first_lengths: torch.Tensor | None,
        targets: torch.Tensor,
        mix: LayerMix | None,
    ) -> DecodedBatch:
        """A batch of values (documents, tokens, [m,] d), where ``mix`` is that of the heads that will read them.

        A uniform mix is the same for all heads, and is made here.
        """
        if mix is None or mix.kind == "uniform":
            return cls(documents, values if mix is None else mix(values), 1, lengths, first_lengths, targets)
        return cls(documents, values.flatten(1, 2), mix.count, lengths, first_lengths, targets)

    @property
    def tokens(self) -> int:
        """Of the longest document."""
        return self.values.shape[1] // self.layers

    def __len__(self) -> int:
        """Number of documents."""
        return len(self.values)
