"""A head as one module: layer mix, position pooling, classifier."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import nn

from encore.featurestore.errors import UsageError
from encore.featurestore.spec import FeatureSpec
from encore.heads.batches import Batch
from encore.heads.model.classifier import Classifier, DropoutFactors
from encore.heads.model.layer_mix import LayerMix
from encore.heads.model.pooling import Pooling
from encore.heads.model.registry import build_pooling, check_pooling
from encore.heads.model.standardisation import Standardisation


class HeadModel(nn.Module):
    """Batches of features to logits.

    Attributes:
        mix: makes one vector of the m layers of ``stack:m`` features; None for features of one layer.
        pooling: makes one vector of a document's tokens, or several side by side.
        classifier: makes logits of the pooled vectors.
        standard: standardises the tokens before a pooling that learns, or the pooled vectors of one that does not; None
            for no standardisation. A trained head has it only where it cannot be folded into the weights.
    """

    def __init__(
        self,
        mix: LayerMix | None,
        pooling: Pooling,
        classifier: Classifier,
        standard: Standardisation | None = None,
    ) -> None:
        super().__init__()
        self.mix = mix
        self.pooling = pooling
        self.classifier = classifier
        self.standard = standard

    @property
    def of_pairs(self) -> bool:
        """Whether the head needs to know where the second text of a document begins."""
        return self.pooling.of_pairs

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
        standardised: bool = False,
        dropout: float = 0.0,
        generator: torch.Generator | None = None,
    ) -> HeadModel:
        """Build a head with fresh weights for features of this spec.

        Args:
            spec: the features it will see.
            classes: number of classes.
            pooling: one of `POOLINGS`.
            attention_heads: number of heads of attention pooling; None takes d / 64.
            queries: number of queries of attention pooling; the paper's head has one.
            layer_mix: ``uniform`` or ``learned``; for ``stack:m`` features only.
            standardised: whether the head has a `Standardisation`. Its mean and scale are filled in later.
            dropout: share of inputs that training sets to zero.
            generator: source of the initial weights and of the dropout; None takes torch's own.

        Raises:
            UsageError: features of this spec cannot be pooled or mixed in this way.
        """
        check_pooling(pooling, spec)
        stacked = spec.layers.stacked
        if (stacked is None) != (layer_mix is None):
            expected = "none, the layers are pooled already" if stacked is None else "uniform or learned"
            raise UsageError(f"layer mix {layer_mix}: the store holds layers {spec.layers}; expected {expected}")
        mix = None if stacked is None or layer_mix is None else LayerMix(layer_mix, stacked)
        pooled = build_pooling(pooling, spec.width, attention_heads, generator, queries=queries)
        classifier = Classifier(spec.width, classes, dropout, generator, vectors=pooled.vectors)
        standard = Standardisation(torch.zeros(spec.width), torch.ones(spec.width)) if standardised else None
        return cls(mix, pooled, classifier, standard)

    def forward(self, batch: Batch, kept: DropoutFactors | None = None) -> torch.Tensor:
        """Logits (documents, classes) of a batch.

        Args:
            batch: documents.
            kept: dropout factors from `Classifier.draw`; None draws them in training mode, and drops nothing in
                evaluation mode.
        """
        mixed = batch if self.mix is None else self.mix(batch)
        if self.standard is None:
            pooled = self.pooling(mixed)
        elif self.pooling.learns:
            pooled = self.pooling(replace(mixed, rows=self.standard(mixed.rows)))
        else:
            pooled = self.standard(self.pooling(mixed))
        return self.classifier(pooled, kept)  # type: ignore[no-any-return]
