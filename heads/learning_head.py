"""One head of a stack: all that it does not share with the others."""

from __future__ import annotations

import torch

from heads.attention import AttentionPooling
from heads.learning_attention import LearningAttention
from heads.learning_classifier import LearningClassifier
from heads.learning_weights import LearningWeights
from heads.model import HeadModel
from heads.pair import PairPooling, compare_texts


class LearningHead:
    """A head from the weighted sums of the tokens on, forth and back.

    Args:
        weights: its parameters, and what becomes of their gradients.
        design: a head of the same shape.
        generator: of its dropout.

    Attributes:
        weights: as given.
        attention: its pooling before and after the tokens; None where it pools without weights.
    """

    def __init__(self, weights: LearningWeights, design: HeadModel, generator: torch.Generator) -> None:
        self.weights = weights
        self.attention: LearningAttention | None = None
        if isinstance(design.pooling, PairPooling):
            self.attention = LearningAttention(self.weights, "pooling.attention.", design.pooling.attention)
        elif isinstance(design.pooling, AttentionPooling):
            self.attention = LearningAttention(self.weights, "pooling.", design.pooling)
        self._of_pairs = design.of_pairs
        self._classifier = LearningClassifier(self.weights, design.classifier.dropout, generator)

    def learn(self, pooled: torch.Tensor, targets: torch.Tensor, gradient: torch.Tensor) -> torch.Tensor:
        """The mean loss over some documents; hands on the gradients of what comes after the tokens.

        Args:
            pooled: (H, documents · R, d) weighted sums of the tokens, or (documents, d) where there is no attention.
            targets: (documents,) class of each.
            gradient: of ``pooled``; written to.
        """
        vectors = self._vectors(pooled, len(targets))
        loss, of_entered = self._classifier.learn(self._enter(vectors), targets)
        of_vectors = self._enter_back(of_entered, vectors)
        if self.attention is None:
            gradient.copy_(of_vectors.view(gradient.shape))
        else:
            self.attention.project_back(of_vectors.reshape(-1, vectors.shape[2]), out=gradient)
        return loss

    def logits(self, pooled: torch.Tensor, documents: int) -> torch.Tensor:
        """(documents, classes), without dropout."""
        return self._classifier.logits(self._enter(self._vectors(pooled, documents)))

    def _vectors(self, pooled: torch.Tensor, documents: int) -> torch.Tensor:
        """(documents, R, d)."""
        rows = pooled if self.attention is None else self.attention.project(pooled)
        return rows.view(documents, -1, rows.shape[-1])

    def _enter(self, vectors: torch.Tensor) -> torch.Tensor:
        """(documents, inputs) of the classifier: the vectors side by side, the texts of a pair compared."""
        return compare_texts(vectors) if self._of_pairs else vectors.flatten(1)

    def _enter_back(self, gradient: torch.Tensor, vectors: torch.Tensor) -> torch.Tensor:
        """The gradient of the vectors, from that of what the classifier took."""
        if not self._of_pairs:
            return gradient.view(vectors.shape)
        u, v = vectors.unbind(dim=1)
        of_u, of_v, of_distance, of_product = gradient.chunk(4, dim=1)
        of_distance = of_distance * (u - v).sign()
        return torch.stack([of_u + of_distance + of_product * v, of_v - of_distance + of_product * u], dim=1)
