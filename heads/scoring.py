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
from heads.model import HeadModel
from heads.pair import PairPooling, compare_texts
from heads.pooled import PooledSlots

Positions = npt.NDArray[np.int64]

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
            self._classifiers = [_FoldedClassifier.of(head) for head in heads]
        self._of_pairs = any(head.model.of_pairs for head in heads)
        pooled = self._slots.floats_of_document
        self._least_rows = max(1, -(-pooled * rows_of_budget(spec) // POOLED_FLOATS))

    def score(self, block: FeatureBlock) -> list[Scores]:
        """Class probabilities of every document by every head.

        Args:
            block: documents of any lengths, in any order.

        Raises:
            StoreError: features that are not of the spec; a head of pairs, and documents encoded by a version that did
                not keep where their second text begins.
        """
        check_block(block, self.spec)
        first_lengths = block.first_lengths if self._of_pairs else None
        results = [np.empty((len(block), len(head.classes)), np.float32) for head in self.heads]
        with torch.inference_mode():
            # A document of few vectors counts as more: what many queries make of it is more than it holds itself.
            lengths = np.maximum(block.lengths, self._least_rows)
            for group in _groups(budget_batches(lengths, rows_of_budget(self.spec))):
                pooled = [self._pool(block, first_lengths, documents) for documents in group]
                slots = torch.cat(pooled, dim=1)
                positions = np.concatenate(group)
                for result, slot, classify in zip(results, self._slots.of_head, self._classifiers, strict=True):
                    result[positions] = classify(slots[slot]).numpy()
        return [Scores(head, result) for head, result in zip(self.heads, results, strict=True)]

    def _pool(self, block: FeatureBlock, first_lengths: Positions | None, documents: Positions) -> torch.Tensor:
        """(slots, documents, d) pooled vectors of the documents at these positions."""
        packed, lengths = pad(block.packed, block.offsets, documents)
        first = None if first_lengths is None else torch.from_numpy(first_lengths[documents])
        return self._slots(self.spec.quantizer.dequantize(packed, self.spec.width), lengths, first)


class _FoldedClassifier:
    """Pooled vectors to probabilities: output projection, two-layer perceptron, softmax."""

    def __init__(self, model: HeadModel) -> None:
        pooling, classifier = model.pooling, model.classifier
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

    @staticmethod
    def of(head: Head) -> _FoldedClassifier:
        """The classifier of a head."""
        pooling = head.model.pooling
        return (
            _PairClassifier(head.model, pooling) if isinstance(pooling, PairPooling) else _FoldedClassifier(head.model)
        )

    def __call__(self, pooled: torch.Tensor) -> torch.Tensor:
        """(documents, classes) probabilities from the slots of the head (slots, documents, d)."""
        return self._classify(pooled.transpose(0, 1).flatten(1))

    def _classify(self, side_by_side: torch.Tensor) -> torch.Tensor:
        return self._output(self._hidden(side_by_side).tanh_()).softmax(dim=1)


class _PairClassifier(_FoldedClassifier):
    """The same for pairs, whose output projection comes before the comparison of the texts and cannot be folded in."""

    def __init__(self, model: HeadModel, pooling: PairPooling) -> None:
        super().__init__(model)
        attention = pooling.attention
        shift = attention.output_weight @ attention.value_bias + attention.output_bias
        self._texts = Affine(attention.output_weight, shift)

    def __call__(self, pooled: torch.Tensor) -> torch.Tensor:
        """(documents, classes) probabilities from the slots of both texts (2, documents, d)."""
        texts = self._texts(pooled.transpose(0, 1).reshape(-1, pooled.shape[2])).view(pooled.shape[1], 2, -1)
        return self._classify(compare_texts(texts))


def _groups(batches: Sequence[Positions]) -> Iterator[list[Positions]]:
    """Batches in a row that have some `GROUP_DOCUMENTS` together."""
    group: list[Positions] = []
    for documents in batches:
        if group and sum(map(len, group)) + len(documents) > GROUP_DOCUMENTS:
            yield group
            group = []
        group.append(documents)
    if group:
        yield group
