"""Many heads over one block of features in one pass: what they have in common is done once.

The features are decoded once. The folded queries of all attention heads are one matrix, so that their scores are one
matrix product and their weighted sums another; heads that pool by cls or mean share the pooled vectors. What is left
for each head is the value projection and the classifier, with the output projection folded into its first linear map.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from featurestore.blocks import FeatureBlock
from featurestore.errors import UsageError
from featurestore.spec import FeatureSpec
from heads.affine import Affine
from heads.artefact import Head
from heads.attention import AttentionPooling
from heads.batches import BATCH_FLOATS, budget_batches, check_block, pad, rows_of_budget
from heads.pooled import PooledSlots

GROUP_DOCUMENTS = 1024
"""Documents whose pooled vectors wait to be classified together; their number bounds the memory of many heads."""

POOLED_FLOATS = 8 * BATCH_FLOATS
"""Weighted sums of a batch, one vector for each attention head of each query: with many heads over short documents they
are far more than the features themselves."""


@dataclass(frozen=True)
class Scores:
    """What one head says of a block.

    Attributes:
        head: the head.
        probabilities: (documents, classes) float32, classes in the order of ``head.classes``.
    """

    head: Head
    probabilities: npt.NDArray[np.float32]


class Scorer:
    """Heads, prepared to score blocks of features; scoring the same block again gives the same numbers.

    Attributes:
        heads: what it scores with, in the order of the scores.
        spec: the features that it takes.

    Raises:
        UsageError: no heads.
        SpecMismatch: a head was trained on other features.
    """

    def __init__(self, heads: Sequence[Head], spec: FeatureSpec) -> None:
        if not heads:
            raise UsageError("no head to score with; name at least one")
        for head in heads:
            head.require(spec, f"head {head.task}", "the features")
        self.heads = tuple(heads)
        self.spec = spec
        with torch.inference_mode():
            self._slots = PooledSlots([head.model for head in heads])
            self._classifiers = [_FoldedClassifier(head) for head in heads]
        pooled = self._slots.floats_of_document
        self._least_rows = max(1, -(-pooled * rows_of_budget(spec) // POOLED_FLOATS))

    def score(self, block: FeatureBlock) -> list[Scores]:
        """Class probabilities of every document by every head.

        Args:
            block: documents of any lengths, in any order.

        Raises:
            StoreError: features that are not of the spec.
        """
        check_block(block, self.spec)
        results = [np.empty((len(block), len(head.classes)), np.float32) for head in self.heads]
        with torch.inference_mode():
            # A document of few vectors counts as more: what many queries make of it is more than it holds itself.
            lengths = np.maximum(block.lengths, self._least_rows)
            for group in _groups(budget_batches(lengths, rows_of_budget(self.spec))):
                pooled = [self._pool(block, documents) for documents in group]
                slots = torch.cat(pooled, dim=1)
                positions = np.concatenate(group)
                for result, slot, classify in zip(results, self._slots.of_head, self._classifiers, strict=True):
                    result[positions] = classify(slots[slot]).numpy()
        return [Scores(head, result) for head, result in zip(self.heads, results, strict=True)]

    def _pool(self, block: FeatureBlock, documents: npt.NDArray[np.int64]) -> torch.Tensor:
        """(slots, documents, d) pooled vectors of the documents at these positions."""
        packed, lengths = pad(block.packed, block.offsets, documents)
        return self._slots(self.spec.quantizer.dequantize(packed, self.spec.width), lengths)


class _FoldedClassifier:
    """Pooled vectors to probabilities: output projection, two-layer perceptron, softmax."""

    def __init__(self, head: Head) -> None:
        pooling, classifier = head.model.pooling, head.model.classifier
        weight: torch.Tensor = classifier.hidden.weight
        bias: torch.Tensor = classifier.hidden.bias
        if isinstance(pooling, AttentionPooling):
            # hidden(output(v + b_v)) is one affine map of v, the projected values without their bias; so it is of the
            # values of several queries side by side.
            shift = pooling.output_weight @ pooling.value_bias + pooling.output_bias
            bias = bias + weight @ shift.repeat(pooling.queries)
            weight = (weight.view(len(weight), pooling.queries, -1) @ pooling.output_weight).flatten(1)
        self._hidden = Affine(weight, bias)
        self._output = Affine(classifier.output.weight, classifier.output.bias)

    def __call__(self, pooled: torch.Tensor) -> torch.Tensor:
        """(documents, classes) probabilities from the slots of the head (slots, documents, d)."""
        side_by_side = pooled.transpose(0, 1).flatten(1)
        return self._output(self._hidden(side_by_side).tanh_()).softmax(dim=1)


def _groups(batches: Sequence[npt.NDArray[np.int64]]) -> Iterator[list[npt.NDArray[np.int64]]]:
    """Batches in a row that have some `GROUP_DOCUMENTS` together."""
    group: list[npt.NDArray[np.int64]] = []
    for documents in batches:
        if group and sum(map(len, group)) + len(documents) > GROUP_DOCUMENTS:
            yield group
            group = []
        group.append(documents)
    if group:
        yield group
