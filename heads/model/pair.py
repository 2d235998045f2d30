"""Attention pooling of each text of a pair, and what the two have in common."""

from __future__ import annotations

import torch
from torch import nn

from encore.heads.model.attention import AttentionPooling

VECTORS = 4
"""Vectors of a pooled pair: u, v, |u - v| and u · v."""


class PairPooling(nn.Module):
    """Pool each text of a pair by the same learned query, to u and v; the result is u, v, |u - v|, u · v side by side.

    The difference and the product by elements are those of Conneau et al. (Supervised Learning of Universal Sentence
    Representations, 2017, section 2): what decides between entailment and contradiction, or whether two questions ask
    the same, is how the texts relate, which a head that adds all tokens up cannot see.

    The first text of a document without a second one is all its tokens, and the pooled value of no tokens is zero
    before the projections' biases.

    Attributes:
        attention: one query; its projections serve both texts.

    Raises:
        UsageError: attention heads that do not divide the width.
    """

    def __init__(self, width: int, heads: int | None = None, generator: torch.Generator | None = None) -> None:
        super().__init__()
        self.attention = AttentionPooling(width, heads, generator)

    def forward(self, values: torch.Tensor, lengths: torch.Tensor, first_lengths: torch.Tensor) -> torch.Tensor:
        """Pool values (documents, tokens, d) to (documents, 4·d).

        Args:
            values: from a document's length on they may hold any finite number.
            lengths: (documents,) tokens of each document.
            first_lengths: (documents,) how many of them come before the second text's own.
        """
        attention = self.attention
        texts = text_masks(values.shape[1], lengths, first_lengths)[..., None]
        scores = (values @ attention.folded_queries().T)[:, None].expand(-1, 2, -1, -1)
        # A finite fill: where a text has no tokens, the softmax of -inf alone would be NaN, and so would its gradient.
        weights = scores.masked_fill(~texts, torch.finfo(scores.dtype).min).softmax(dim=2) * texts
        pooled = torch.bmm(weights.transpose(2, 3).flatten(1, 2), values)
        projected = attention.project_values(pooled.view(-1, attention.heads, attention.width))
        return compare_texts((projected @ attention.output_weight.T + attention.output_bias).view(len(values), 2, -1))


def text_masks(tokens: int, lengths: torch.Tensor, first_lengths: torch.Tensor) -> torch.Tensor:
    """(documents, 2, tokens) bool: which positions are of the first text, and which of the second."""
    places = torch.arange(tokens, device=lengths.device)
    first = places < first_lengths[:, None]
    return torch.stack([first, (places < lengths[:, None]) & ~first], dim=1)


def compare_texts(texts: torch.Tensor) -> torch.Tensor:
    """(documents, 4·d): u, v, |u - v|, u · v, from u and v (documents, 2, d)."""
    u, v = texts.unbind(dim=1)
    return torch.cat([u, v, (u - v).abs(), u * v], dim=1)
