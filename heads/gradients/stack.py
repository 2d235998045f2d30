"""Several heads of one design that learn from the same batches."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from encore.heads.batches import DecodedBatch
from encore.heads.gradients.attention import StackedAttention
from encore.heads.gradients.average import StackedAverage
from encore.heads.gradients.classifier import StackedClassifier
from encore.heads.gradients.layer_mix import LOGITS, StackedMix
from encore.heads.gradients.parameters import StackedWeights
from encore.heads.gradients.standard import Standard
from encore.heads.model import AttentionPooling, ClsPooling, HeadModel, MeanPooling, PairPooling


class HeadStack:
    """G heads: losses, gradients and logits are those of `HeadModel` for each head alone, but for rounding.

    Autograd takes no part.

    Args:
        weights: of the heads.
        design: a head of the same shape.
        generators: of each head's dropout.
        standard: what the heads' inputs become while they learn; None for as they are.
    """

    def __init__(
        self,
        weights: StackedWeights,
        design: HeadModel,
        generators: Sequence[torch.Generator],
        standard: Standard | None = None,
    ) -> None:
        self._mix = StackedMix(weights) if LOGITS in weights.values else None
        self._pooling = _stacked_pooling(weights, design, self._mix, standard)
        self._of_pairs = design.of_pairs
        self._classifier = StackedClassifier(weights, design.classifier.dropout, generators)

    def learn(self, batch: DecodedBatch) -> torch.Tensor:
        """The mean loss (G,) of each head over a batch, dropout included; their gradients are handed on."""
        vectors = self._pool(batch)
        losses, gradient = self._classifier.learn(self._enter(vectors), batch.targets)
        self._pooling.backward(self._enter_back(gradient, vectors))
        if self._mix is not None:
            self._mix.backward()
        return losses

    def logits(self, batch: DecodedBatch) -> torch.Tensor:
        """(G, documents, classes), without dropout."""
        return self._classifier.logits(self._enter(self._pool(batch)))

    def _pool(self, batch: DecodedBatch) -> torch.Tensor:
        """(G, documents, vectors, d)."""
        if self._mix is not None:
            self._mix.forward()
        return self._pooling.forward(batch)

    def _enter(self, vectors: torch.Tensor) -> torch.Tensor:
        """(G, documents, inputs) of the classifiers: the vectors side by side, the texts of a pair compared."""
        if not self._of_pairs:
            return vectors.flatten(2)
        u, v = vectors.unbind(dim=2)
        return torch.cat([u, v, (u - v).abs(), u * v], dim=2)

    def _enter_back(self, gradient: torch.Tensor, vectors: torch.Tensor) -> torch.Tensor:
        """The gradient of the vectors, from that of what the classifiers took."""
        if not self._of_pairs:
            return gradient.view(vectors.shape)
        u, v = vectors.unbind(dim=2)
        of_u, of_v, of_distance, of_product = gradient.chunk(4, dim=2)
        of_distance = of_distance * (u - v).sign()
        return torch.stack([of_u + of_distance + of_product * v, of_v - of_distance + of_product * u], dim=2)


def _stacked_pooling(
    weights: StackedWeights, design: HeadModel, mix: StackedMix | None, standard: Standard | None
) -> StackedAttention | StackedAverage:
    pooling = design.pooling
    if isinstance(pooling, PairPooling):
        return StackedAttention(
            weights, "pooling.attention.", pooling.attention, of_pairs=True, mix=mix, standard=standard
        )
    if isinstance(pooling, AttentionPooling):
        return StackedAttention(weights, "pooling.", pooling, of_pairs=False, mix=mix, standard=standard)
    if isinstance(pooling, ClsPooling | MeanPooling):
        return StackedAverage(len(weights), pooling, mix, standard)
    raise TypeError(f"no stacked form of {type(pooling).__name__}")
