"""Several heads of one design that learn from the same batches."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch

from encore.heads.batches import Batch
from encore.heads.gradients.attention import AttentionGradients
from encore.heads.gradients.average import AverageGradients
from encore.heads.gradients.classifier import ClassifierGradients
from encore.heads.gradients.layer_mix import LOGITS, MixGradients
from encore.heads.gradients.parameters import StackParameters
from encore.heads.model import (
    AttentionPooling,
    ClsPooling,
    HeadModel,
    MeanPooling,
    PairPooling,
    Pooling,
    Standardisation,
    compare_texts,
)


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
        weights: StackParameters,
        design: HeadModel,
        generators: Sequence[torch.Generator],
        standard: Standardisation | None = None,
    ) -> None:
        self._mix = MixGradients(weights) if LOGITS in weights.values else None
        self._pooling = STACKED[type(design.pooling)](weights, design.pooling, self._mix, standard)
        self._of_pairs = design.of_pairs
        self._classifier = ClassifierGradients(weights, design.classifier.dropout, generators)

    def learn(self, batch: Batch, targets: torch.Tensor) -> torch.Tensor:
        """The mean loss (G,) of each head over a batch, dropout included; their gradients are handed on.

        Args:
            batch: of documents.
            targets: (documents,) class of each.
        """
        vectors = self._pool(batch)
        losses, gradient = self._classifier.learn(self._enter(vectors), targets)
        self._pooling.backward(self._enter_back(gradient, vectors))
        if self._mix is not None:
            self._mix.backward()
        return losses

    def logits(self, batch: Batch) -> torch.Tensor:
        """(G, documents, classes), without dropout."""
        return self._classifier.logits(self._enter(self._pool(batch)))

    def _pool(self, batch: Batch) -> torch.Tensor:
        """(G, documents, vectors, d)."""
        if self._mix is not None:
            self._mix.forward()
        return self._pooling.forward(batch)

    def _enter(self, vectors: torch.Tensor) -> torch.Tensor:
        """(G, documents, inputs) of the classifiers: the vectors side by side, the texts of a pair compared."""
        return compare_texts(vectors) if self._of_pairs else vectors.flatten(2)

    def _enter_back(self, gradient: torch.Tensor, vectors: torch.Tensor) -> torch.Tensor:
        """The gradient of the vectors, from that of what the classifiers took."""
        if not self._of_pairs:
            return gradient.view(vectors.shape)
        u, v = vectors.unbind(dim=2)
        of_u, of_v, of_distance, of_product = gradient.chunk(4, dim=2)
        of_distance = of_distance * (u - v).sign()
        return torch.stack([of_u + of_distance + of_product * v, of_v - of_distance + of_product * u], dim=2)


STACKED: Mapping[type[Pooling], Callable[..., AttentionGradients | AverageGradients]] = {
    AttentionPooling: AttentionGradients,
    PairPooling: AttentionGradients,
    ClsPooling: AverageGradients,
    MeanPooling: AverageGradients,
}
"""Poolings whose gradients are written out, each itself and none derived from it; the others learn by autograd."""


def can_stack(design: HeadModel) -> bool:
    """Whether heads of this design can learn in a `HeadStack`."""
    return type(design.pooling) in STACKED
