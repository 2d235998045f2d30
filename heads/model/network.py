"""A head as one module: layer mix, position pooling, classifier."""

from __future__ import annotations

import torch
from torch import nn

from encore.featurestore.errors import UsageError
from encore.featurestore.spec import FeatureSpec
from encore.heads.model.classifier import Classifier
from encore.heads.model.layer_mix import LayerMix
from encore.heads.model.pair import VECTORS, PairPooling
from encore.heads.model.poolings import Pooling, build_pooling, check_pooling


class HeadModel(nn.Module):
    """Padded features of documents to logits.

    Attributes:
        mix: makes one vector of the m layers of ``stack:m`` features; None where there is one already.
        pooling: makes one vector of a document's tokens, or several side by side.
        of_pairs: whether it needs to know where the second text of a document begins.
        classifier: makes logits of them.
    """

    def __init__(self, mix: LayerMix | None, pooling: Pooling, classifier: Classifier) -> None:
        super().__init__()
        self.mix = mix
        self.pooling = pooling
        self.classifier = classifier
        self.of_pairs = isinstance(pooling, PairPooling)

    @classmethod
    def build(
        cls,
        spec: FeatureSpec,
        classes: int,
        pooling: str,
        *,
        attention_heads: int | None = None,
        queries: int = 1,
        layer_mix: str | None = None,
        dropout: float = 0.0,
        generator: torch.Generator | None = None,
    ) -> HeadModel:
        """A head with fresh weights for features of this spec.

        Args:
            spec: the features it will see.
            classes: number of classes.
            pooling: one of `POOLINGS`.
            attention_heads: of attention pooling; None takes d / 64.
            queries: of attention pooling; the paper's head has one.
            layer_mix: ``uniform`` or ``learned``, for ``stack:m`` features and for them alone.
            dropout: in training.
            generator: source of the initial weights and of the dropout; None takes torch's own.

        Raises:
            UsageError: features of this spec cannot be pooled or mixed so.
        """
        check_pooling(pooling, spec)
        stacked = spec.layers.stacked
        if (stacked is None) != (layer_mix is None):
            expected = "none, the layers are pooled already" if stacked is None else "uniform or learned"
            raise UsageError(f"layer mix {layer_mix}: the store holds layers {spec.layers}; expected {expected}")
        mix = None if stacked is None or layer_mix is None else LayerMix(layer_mix, stacked)
        pooled = build_pooling(pooling, spec.width, attention_heads, generator, queries=queries)
        vectors = VECTORS if isinstance(pooled, PairPooling) else queries
        return cls(mix, pooled, Classifier(spec.width, classes, dropout, generator, vectors=vectors))

    def forward(
        self, values: torch.Tensor, lengths: torch.Tensor, first_lengths: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Logits (documents, classes) of values (documents, tokens, d) or (documents, tokens, m, d).

        Args:
            values: float features; from a document's length on they may hold any finite number.
            lengths: (documents,) tokens of each document, at least 1.
            first_lengths: (documents,) tokens before the second text's own; needed where the head is `of_pairs`.
        """
        mixed = values if self.mix is None else self.mix(values)
        own = (first_lengths,) if self.of_pairs else ()
        return self.classifier(self.pooling(mixed, lengths, *own))  # type: ignore[no-any-return]
