"""Several heads of one design that learn from the same batches."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch

from encore.heads.batches import Batch
from encore.heads.gradients.attention import AttentionGradients
from encore.heads.gradients.average import AverageGradients
from encore.heads.gradients.classifier import ClassifierGradients
from encore.heads.gradients.layer_mix import MixGradients
from encore.heads.gradients.parameters import StackParameters
from encore.heads.model import (
    LOGITS,
    AttentionPooling,
    ClsPooling,
    DropoutFactors,
    HeadModel,
    MeanPooling,
    PairPooling,
    Pooling,
    Standardisation,
    compare_texts,
)


class HeadStack:
    """G heads that learn together, without autograd.

    Losses, gradients and logits equal those of each head's own `HeadModel`, up to rounding.

    Args:
        weights: parameters of the heads; `learn` puts their gradients there.
        design: a head of the same shape.
        standard: standardises the heads' inputs while they learn; None leaves them as they are.
    """

    def __init__(
        self,
        weights: StackParameters,
        design: HeadModel,
        standard: Standardisation | None = None,
    ) -> None:
        self._mix = MixGradients(weights) if LOGITS in weights.values else None
        self._pooling = STACKED[type(design.pooling)](weights, design.pooling, self._mix, standard)
        self._of_pairs = design.of_pairs
        self._classifier = ClassifierGradients(weights)

    def learn(self, batch: Batch, targets: torch.Tensor, kept: DropoutFactors | None) -> torch.Tensor:
        """Compute the mean loss (G,) of each head over a batch, and all gradients.

        Args:
            batch: documents to learn from.
            targets: (documents,) class of each document.
            kept: dropout factors of each head, stacked; None for no dropout.
        """
        vectors = self._pool(batch)
        losses, gradient = self._classifier.learn(self._enter(vectors), targets, kept)
        self._pooling.backward(self._enter_back(gradient, vectors))
        if self._mix is not None:
            self._mix.backward()
        return losses

    def logits(self, batch: Batch) -> torch.Tensor:
        """Logits (G, documents, classes), without dropout."""
        return self._classifier.logits(self._enter(self._pool(batch)))

    def _pool(self, batch: Batch) -> torch.Tensor:
        """Pooled vectors (G, documents, vectors, d)."""
        if self._mix is not None:
            self._mix.forward()
        return self._pooling.forward(batch)

    def _enter(self, vectors: torch.Tensor) -> torch.Tensor:
        """Inputs of the classifiers (G, documents, inputs): the vectors side by side, or a pair's texts compared."""
        return compare_texts(vectors) if self._of_pairs else vectors.flatten(2)

    def _enter_back(self, gradient: torch.Tensor, vectors: torch.Tensor) -> torch.Tensor:
        """The gradient of the pooled vectors, from the gradient of the classifiers' inputs."""
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
"""Pooling → its gradients, written by hand. A subclass is not included. All other poolings learn by autograd."""


def can_stack(design: HeadModel) -> bool:
    """Whether heads of this design can learn in a `HeadStack`."""
    return type(design.pooling) in STACKED
