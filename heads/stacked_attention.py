"""What the attention of several heads does with the tokens: all heads in one product, the gradients written out.

Below, G heads of the stack have H attention heads and N queries each. J = G·H·N are all their folded queries, in this
order; U is 2 for heads of pairs, which pool each text for itself, else 1; m is the number of layers.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from heads.attention import AttentionPooling
from heads.decoded import DecodedBatch
from heads.learning_attention import LearningAttention
from heads.pair import text_masks
from heads.products import product
from heads.stacked_mix import StackedMix


class StackedAttention:
    """Folded queries and tokens to weighted sums of the tokens.

    Args:
        heads: the poolings, all of one design.
        design: one of them, for its shape.
        of_pairs: whether each text is pooled for itself.
        mix: of the layers; None where there is one.
    """

    def __init__(
        self, heads: Sequence[LearningAttention], design: AttentionPooling, *, of_pairs: bool, mix: StackedMix | None
    ) -> None:
        self._stack = heads
        self._heads, self._queries = design.heads, design.queries
        self._texts = 2 if of_pairs else 1
        self._mix = mix

    def forward(self, batch: DecodedBatch) -> torch.Tensor:
        """(G, H, documents · U · N, d); what `backward` needs is kept."""
        self._batch = batch
        folded = torch.cat([head.fold() for head in self._stack]).flatten(0, 1)
        scores = product(batch.values.flatten(0, 1), folded).view(len(batch), batch.tokens, -1)
        if self._mix is not None:
            self._layer_scores = scores.view(len(batch), batch.tokens, batch.layers, -1)
            scores = (self._layer_scores * self._columns(self._mix, 1)).sum(dim=2)
        self._attended = self._attend(scores, batch)
        rows = self._attended
        if self._mix is not None:
            rows = (rows[:, :, None] * self._columns(self._mix, self._texts)).flatten(1, 2)
        summed = torch.bmm(rows.transpose(1, 2), batch.values)
        shape = (len(batch), self._texts, len(self._stack), self._heads, self._queries, summed.shape[2])
        return summed.view(shape).permute(2, 3, 0, 1, 4, 5).flatten(2, 4)

    def backward(self, gradient: torch.Tensor) -> None:
        """Hand their part of the gradient of the result to the heads."""
        batch, attended = self._batch, self._attended
        shape = (len(self._stack), self._heads, len(batch), self._texts, self._queries, gradient.shape[3])
        summed = gradient.view(shape).permute(2, 3, 0, 1, 4, 5).flatten(1, 4)
        weights = torch.bmm(batch.values, summed.transpose(1, 2))
        if self._mix is not None:
            layered = weights.view(len(batch), batch.tokens, batch.layers, -1)
            self._mix.learn(self._texts, (layered * attended[:, :, None]).sum(dim=(0, 1)))
            weights = (layered * self._columns(self._mix, self._texts)).sum(dim=2)
        scores = weights.sub_((attended * weights).sum(dim=1, keepdim=True)).mul_(attended)
        if self._texts > 1:
            scores = scores.view(len(batch), batch.tokens, self._texts, -1).sum(dim=2)
        if self._mix is not None:
            self._mix.learn(1, (self._layer_scores * scores[:, :, None]).sum(dim=(0, 1)))
            scores = scores[:, :, None] * self._columns(self._mix, 1)
        folded = product(scores.flatten(0, -2).t(), batch.values.flatten(0, 1).t())
        for head, own in zip(self._stack, folded.view(len(self._stack), self._heads, self._queries, -1), strict=True):
            head.fold_back(own)

    def _attend(self, scores: torch.Tensor, batch: DecodedBatch) -> torch.Tensor:
        """(documents, tokens, U · J) weights that sum to 1 over the tokens of each text, from scores (..., J)."""
        if self._texts == 1:
            padding = torch.arange(batch.tokens) >= batch.lengths[:, None]
            return scores.masked_fill_(padding[:, :, None], -torch.inf).softmax(dim=1)
        if batch.first_lengths is None:
            raise ValueError("heads of pairs need the lengths of the first texts")
        texts = text_masks(batch.tokens, batch.lengths, batch.first_lengths).transpose(1, 2)[..., None]
        # A finite fill: the weights of a text without tokens are zero, not NaN.
        filled = scores[:, :, None].masked_fill(~texts, torch.finfo(scores.dtype).min)
        return filled.softmax(dim=1).mul_(texts).flatten(2)

    def _columns(self, mix: StackedMix, texts: int) -> torch.Tensor:
        """(m, texts · J): each layer's weight in each column."""
        return mix.columns(texts, self._heads * self._queries)
