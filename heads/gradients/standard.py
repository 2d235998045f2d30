"""Inputs of a head that learns, standardised per dimension; the saved head takes the features as they are stored.

An encoder's dimensions differ in mean and spread by factors of hundreds, and a mean over tokens has a tenth of their
spread: at one learning rate such heads learn too slowly (agnews, 500 labels, 16 bits: 5 points lost at 3e-4). What is
affine in the features, here (x - mean) / deviation, can be folded into the weights that follow it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from encore.heads.batches import Examples, budget_batches, rows_of_budget
from encore.heads.gradients.parameters import Tensors
from encore.heads.model import ClsPooling, HeadModel, LayerMix, MeanPooling, PairPooling

SAMPLE = 4096
"""Documents that mean and deviation are taken from, at most: every k-th one."""

LEAST = 0.5
"""The least deviation, in the median of all. A sign bit that is nearly always set has next to none, and would outweigh
all others in the few tokens where it is not: with 1e-9, SST-2 at ``sign`` fell from 78 to 64 % (500 labels)."""

ROUNDING = 1e-6
"""A deviation that is as small a share of a dimension's size is made by rounding: the dimension never moves."""


@dataclass(frozen=True)
class Standard:
    """What the inputs of a head become while it learns: (x - mean) · scale.

    Attributes:
        mean: (d,).
        scale: (d,) one over the deviation.
    """

    mean: torch.Tensor
    scale: torch.Tensor

    @classmethod
    def of(cls, examples: Examples, design: HeadModel) -> Standard:
        """Of the training documents, for heads of this design.

        Of their pooled vectors where pooling learns nothing, else of their tokens. Layers that the heads will learn to
        mix are mixed alike here.
        """
        count = 0
        sums, squares = (torch.zeros(examples.spec.width, dtype=torch.float64) for _ in range(2))
        for vectors in _vectors(examples, design):
            count += len(vectors)
            sums += vectors.sum(dim=0)
            squares += vectors.square().sum(dim=0)
        mean = sums / count
        deviation = (squares / count - mean.square()).clamp_(min=0).sqrt_()
        moving = deviation[deviation > ROUNDING * (squares / count).sqrt()]
        # Were most of them still, the median of all would be none, and rounding would be blown up to a feature.
        usual = deviation if 2 * len(moving) > len(deviation) else moving
        least = LEAST * float(usual.median()) if len(moving) else math.inf
        return cls(mean.float(), (1 / deviation.clamp(min=least)).float())

    def apply(self, values: torch.Tensor) -> torch.Tensor:
        """Values (..., d), standardised."""
        return (values - self.mean).mul_(self.scale)

    def folded(self, weights: Tensors, design: HeadModel) -> Tensors:
        """The weights of a head that takes the features as they are stored, from those of one that learned so."""
        if isinstance(design.pooling, ClsPooling | MeanPooling):
            return {**weights, **self._folded(weights, "classifier.hidden.weight", "classifier.hidden.bias")}
        prefix = "pooling.attention." if isinstance(design.pooling, PairPooling) else "pooling."
        keys = prefix + "key_weight"
        values = self._folded(weights, prefix + "value_weight", prefix + "value_bias")
        # What the mean adds to a score it adds to that of every token, and the softmax takes it out again.
        return {**weights, **values, keys: weights[keys] * self.scale}

    def _folded(self, weights: Tensors, weight: str, bias: str) -> Tensors:
        scaled = weights[weight].double() * self.scale
        shifted = weights[bias].double() - scaled @ self.mean.double()
        return {weight: scaled.to(weights[weight].dtype), bias: shifted.to(weights[bias].dtype)}


def _vectors(examples: Examples, design: HeadModel) -> Iterator[torch.Tensor]:
    """(vectors, d) doubles of a sample of documents, batch by batch."""
    sample = np.arange(0, len(examples), -(-len(examples) // SAMPLE))
    mix = None if design.mix is None else LayerMix("uniform", design.mix.count)
    pooling = design.pooling if isinstance(design.pooling, ClsPooling | MeanPooling) else None
    with torch.inference_mode():
        for places in budget_batches(examples.block.lengths[sample], rows_of_budget(examples.spec)):
            batch = examples.decoded(sample[places], mix, of_pairs=False)
            if pooling is not None:
                yield pooling(batch.values, batch.lengths).double()
            else:
                yield batch.values[torch.arange(batch.tokens) < batch.lengths[:, None]].double()
