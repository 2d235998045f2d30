"""A batch of decoded features. Poolings, fast paths, training and scoring all read it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch


@dataclass(frozen=True)
class Batch:
    """Decoded features of some documents, padded to the longest.

    Attributes:
        rows: (documents · tokens, [m,] d) floats, all finite, with an axis for the m layers of ``stack:m`` features.
            Document i begins at row i · tokens.
        tokens: tokens of the longest document.
        lengths: (documents,) tokens of each document, at least 1. Its rows after these are padding.
        first_lengths: (documents,) tokens of each document before the second text's own; None where no head needs them.
    """

    rows: torch.Tensor
    tokens: int
    lengths: torch.Tensor
    first_lengths: torch.Tensor | None = None

    @classmethod
    def of(cls, values: torch.Tensor, lengths: torch.Tensor, first_lengths: torch.Tensor | None = None) -> Batch:
        """A batch of values (documents, tokens, [m,] d)."""
        return cls(values.flatten(0, 1), values.shape[1], lengths, first_lengths)

    def __len__(self) -> int:
        """Number of documents."""
        return self.lengths.shape[0]

    @property
    def values(self) -> torch.Tensor:
        """(documents, tokens, [m,] d)."""
        return self.rows.view(len(self), self.tokens, *self.rows.shape[1:])

    @property
    def layers(self) -> int:
        """Vectors of a token: m for ``stack:m`` features, else 1."""
        return self.rows.shape[1] if self.rows.dim() > 2 else 1

    @property
    def by_layer(self) -> torch.Tensor:
        """(documents, tokens · m, d), the m layers of a token side by side."""
        return self.values.flatten(1, -2)

    @property
    def padding(self) -> torch.Tensor:
        """(documents, tokens) bool: which positions lie past the end of their document."""
        return torch.arange(self.tokens, device=self.lengths.device) >= self.lengths[:, None]

    @property
    def texts(self) -> torch.Tensor:
        """(documents, 2, tokens) bool: which positions are of the first text, and which of the second.

        Raises:
            ValueError: `first_lengths` is None.
        """
        if self.first_lengths is None:
            raise ValueError("heads of pairs need the lengths of the first texts")
        places = torch.arange(self.tokens, device=self.lengths.device)
        first = places < self.first_lengths[:, None]
        return torch.stack([first, (places < self.lengths[:, None]) & ~first], dim=1)

    def mixed(self, weights: torch.Tensor) -> Batch:
        """Mix the layers of each token by ``weights`` (m,), to one vector a token. Without layers nothing changes."""
        return replace(self, rows=torch.matmul(weights, self.rows)) if self.rows.dim() > 2 else self
