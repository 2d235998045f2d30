"""Several heads of one design that learn from the same batches."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from heads.attention import AttentionPooling
from heads.decoded import DecodedBatch
from heads.learning_head import LearningHead
from heads.model import HeadModel
from heads.pair import PairPooling
from heads.pooling import ClsPooling, MeanPooling
from heads.stacked_attention import StackedAttention
from heads.stacked_average import StackedAverage
from heads.stacked_mix import LOGITS, StackedMix


class HeadStack:
    """G heads: losses, gradients and logits are those of `HeadModel` for each head alone, but for rounding.

    What they do with the tokens is done for all of them in one product. The rest, each head's own, is done head by
    head: its weights are then read, and its gradients written, while they are in the processor's caches. Autograd takes
    no part.

    Args:
        heads: what learns; all of one design.
        design: a head of that design.
    """

    def __init__(self, heads: Sequence[LearningHead], design: HeadModel) -> None:
        self.heads = tuple(heads)
        weights = [head.weights for head in heads]
        self._mix = StackedMix(weights) if LOGITS in weights[0].values else None
        self._pooling = _stacked_pooling(self.heads, design, self._mix)

    def learn(self, batch: DecodedBatch) -> torch.Tensor:
        """The mean loss (G,) of each head over a batch, dropout included; their gradients are handed on."""
        pooled = self._pool(batch)
        gradient = torch.empty(pooled.shape, dtype=pooled.dtype)
        losses = [
            head.learn(own, batch.targets, back) for head, own, back in zip(self.heads, pooled, gradient, strict=True)
        ]
        self._pooling.backward(gradient)
        if self._mix is not None:
            self._mix.backward()
        return torch.stack(losses)

    def logits(self, batch: DecodedBatch) -> torch.Tensor:
        """(G, documents, classes), without dropout."""
        pooled = self._pool(batch)
        return torch.stack([head.logits(own, len(batch)) for head, own in zip(self.heads, pooled, strict=True)])

    def _pool(self, batch: DecodedBatch) -> torch.Tensor:
        if self._mix is not None:
            self._mix.forward()
        return self._pooling.forward(batch)


def _stacked_pooling(
    heads: Sequence[LearningHead], design: HeadModel, mix: StackedMix | None
) -> StackedAttention | StackedAverage:
    pooling = design.pooling
    if isinstance(pooling, ClsPooling | MeanPooling):
        return StackedAverage(len(heads), pooling, mix)
    if isinstance(pooling, PairPooling):
        pooling = pooling.attention
    if not isinstance(pooling, AttentionPooling):
        raise TypeError(f"no stacked form of {type(pooling).__name__}")
    own = [head.attention for head in heads if head.attention is not None]
    return StackedAttention(own, pooling, of_pairs=design.of_pairs, mix=mix)
