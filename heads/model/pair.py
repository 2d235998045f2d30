"""Attention pooling of each text of a pair, and what the two have in common."""

from __future__ import annotations

from typing import Any

import torch

from encore.heads.batches import Batch
from encore.heads.model.attention import AttentionPooling, weighted_sums
from encore.heads.model.pooling import Pooling
from encore.heads.model.standardisation import Standardisation, Tensors


class PairPooling(Pooling):
    """Pool each text of a pair by the same learned query, to u and v. The result is u, v, |u - v|, u · v side by side.

    The difference and the elementwise product are those of Conneau et al. (Supervised Learning of Universal Sentence
    Representations, 2017, section 2). Whether one text entails the other, or whether two questions ask the same,
    depends on how the texts relate. A head that adds up all tokens of both texts cannot see that.

    In a document without a second text, all tokens belong to the first. The weighted sum over no tokens is zero, before
    the biases of the projections.

    Attributes:
        attention: attention pooling with one query; its projections serve both texts.

    Raises:
        UsageError: the attention heads do not divide the width.
    """

    label = "attention over each text of a pair"
    of_pairs = True
    most_queries = 1
    vectors = 4

    def __init__(
        self, width: int, heads: int | None = None, generator: torch.Generator | None = None, *, queries: int = 1
    ) -> None:
        super().__init__(width)
        self.attention = AttentionPooling(width, heads, generator, queries=queries)

    def design(self) -> dict[str, Any]:
        """Number of attention heads."""
        return self.attention.design()

    def folded(self, weights: Tensors, standard: Standardisation) -> Tensors:
        """The weights of the head for features as they are stored."""
        return self.attention.folded(weights, standard, "pooling.attention.")

    def forward(self, batch: Batch) -> torch.Tensor:
        """Pool a batch to (documents, 4·d)."""
        # Shape (2, 1, documents, tokens): both texts, for every attention head.
        texts = batch.texts.transpose(0, 1)[:, None]
        scores = self.attention.scores(batch)
        # A finite fill: for a text without tokens, the softmax of -inf alone would be NaN, and its gradient too.
        weights = scores.masked_fill(~texts, torch.finfo(scores.dtype).min).softmax(dim=-1) * texts
        return compare_texts(self.attention.project(weighted_sums(weights.flatten(0, 1), batch.values)))


def compare_texts(texts: torch.Tensor) -> torch.Tensor:
    """(..., 4·d): u, v, |u - v|, u · v, from u and v (..., 2, d)."""
    u, v = texts.unbind(dim=-2)
    return torch.cat([u, v, (u - v).abs(), u * v], dim=-1)
