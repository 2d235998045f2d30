"""Scoring one block of features with many heads on a CPU. Work that heads share is done once.

Features are decoded once, a group of documents at a time. The folded queries of many attention heads are one matrix:
their scores are one matrix product, and their weighted sums another. Heads that pool by cls or mean share the pooled
vectors. For each head there remain the value projection and the classifier, whose first linear map includes the output
projection. A head of another pooling scores by its own module.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial

import numpy as np
import numpy.typing as npt
import torch
from torch.nn.functional import linear

from encore.featurestore.common import Int64s
from encore.featurestore.documents import FeatureBlock
from encore.featurestore.spec import FeatureSpec
from encore.heads.batches import BATCH_FLOATS, Batch, budget_batches, decode, rows_of_budget
from encore.heads.model import AttentionPooling, HeadModel, PairPooling, compare_texts
from encore.heads.scoring.buffers import Scratch
from encore.heads.scoring.head_groups import HeadGroups, can_share
from encore.heads.scoring.plain_head import PlainHead

GROUP_DOCUMENTS = 1024
"""Most documents of a group: their vectors are projected and classified together."""

KEPT_FLOATS = 6 * BATCH_FLOATS
"""Most decoded floats of a group, padding included, where they are kept because several groups of heads read them."""

POOLED_FLOATS = 16 * BATCH_FLOATS
"""Most floats of a group's weighted sums: one vector for each attention head of each query of the heads that pool
together. With many queries over short documents they are far more than the features themselves."""


class ProcessorScoring:
    """Heads prepared on the CPU."""

    def __init__(self, models: Sequence[HeadModel], spec: FeatureSpec) -> None:
        self._spec = spec
        fast = {place: model for place, model in enumerate(models) if can_share(model)}
        with torch.inference_mode():
            self._pooled = HeadGroups(fast, spec.width)
            self._classifiers = {place: _FoldedClassifier.of(model) for place, model in fast.items()}
            self._plain = {
                place: PlainHead(model, torch.device("cpu")) for place, model in enumerate(models) if place not in fast
            }
        self._classes = [model.classifier.output.out_features for model in models]
        self._passes = self._pooled.passes + len(self._plain)
        vectors = max([self._pooled.vectors, *(head.vectors for head in self._plain.values())])
        self._group_documents = max(1, min(GROUP_DOCUMENTS, POOLED_FLOATS // (vectors * spec.width)))
        self._scratch = Scratch()

    def probabilities(self, block: FeatureBlock, first_lengths: Int64s | None) -> list[npt.NDArray[np.float32]]:
        """Probabilities (documents, classes) of each head, in the order of the heads."""
        results = [np.empty((len(block), classes), np.float32) for classes in self._classes]
        budget = rows_of_budget(self._spec)
        # A short document counts as longer than it is, so that no batch is larger than a group.
        lengths = np.maximum(block.lengths, -(-budget // self._group_documents))
        with torch.inference_mode():
            for group in self._groups(budget_batches(lengths, budget), lengths):
                positions = np.concatenate(group)
                batches: Iterable[Batch] = self._decoded(block, first_lengths, group)
                if self._passes > 1:
                    batches = list(batches)
                for place, pooled in self._pooled(batches, len(positions), self._scratch):
                    results[place][positions] = self._classifiers[place](pooled).numpy()
                for place, head in self._plain.items():
                    results[place][positions] = torch.cat([head(batch) for batch in batches]).numpy()
        return results

    def _groups(self, batches: Sequence[Int64s], lengths: Int64s) -> Iterator[list[Int64s]]:
        """Join neighbouring batches to groups, within the limits on documents and floats."""
        row = self._spec.width * (self._spec.layers.stacked or 1)
        group: list[Int64s] = []
        many = floats = 0
        for documents in batches:
            more = len(documents) * int(lengths[documents[-1]]) * row
            kept = floats + more if self._passes > 1 else 0
            if group and (many + len(documents) > self._group_documents or kept > KEPT_FLOATS):
                yield group
                group, many, floats = [], 0, 0
            group.append(documents)
            many, floats = many + len(documents), floats + more
        if group:
            yield group

    def _decoded(self, block: FeatureBlock, first_lengths: Int64s | None, group: Sequence[Int64s]) -> Iterator[Batch]:
        """Decode each batch. If batches are read only once, each is valid until the next one is asked for."""
        layers = [self._spec.layers.stacked] if self._spec.layers.stacked else []

        def rows(number: int, used: int) -> torch.Tensor:
            return self._scratch.take(f"decoded {number if self._passes > 1 else 0}", used, *layers, self._spec.width)

        for number, documents in enumerate(group):
            yield decode(block, documents, self._spec, first_lengths, partial(rows, number))


class _FoldedClassifier:
    """Makes probabilities of pooled vectors: output projection, two-layer perceptron, softmax."""

    def __init__(self, model: HeadModel) -> None:
        pooling, classifier = model.pooling, model.classifier
        weight: torch.Tensor = classifier.hidden.weight
        bias: torch.Tensor = classifier.hidden.bias
        if isinstance(pooling, AttentionPooling):
            weight, bias = pooling.folded_output(classifier.hidden)
        # tanh x = 2 σ(2x) - 1, and torch's σ takes a tenth of the time of its tanh.
        self._hidden = 2 * weight, 2 * bias
        output: torch.Tensor = classifier.output.weight
        self._output = 2 * output, classifier.output.bias - output.sum(dim=1)

    @staticmethod
    def of(model: HeadModel) -> _FoldedClassifier:
        """The classifier of a head."""
        pooling = model.pooling
        return _PairClassifier(model, pooling) if isinstance(pooling, PairPooling) else _FoldedClassifier(model)

    def __call__(self, pooled: torch.Tensor) -> torch.Tensor:
        """Probabilities (documents, classes) from the head's pooled vectors, side by side (documents, n · d)."""
        return linear(linear(pooled, *self._hidden).sigmoid_(), *self._output).softmax(dim=1)


class _PairClassifier(_FoldedClassifier):
    """The classifier of a head of pairs. Its output projection precedes the comparison of texts and is not folded."""

    def __init__(self, model: HeadModel, pooling: PairPooling) -> None:
        super().__init__(model)
        attention = pooling.attention
        shift = attention.output_weight @ attention.value_bias + attention.output_bias
        self._texts = attention.output_weight.detach(), shift

    def __call__(self, pooled: torch.Tensor) -> torch.Tensor:
        """Probabilities (documents, classes) from the vectors of both texts, side by side (documents, 2 · d)."""
        return super().__call__(compare_texts(linear(pooled.view(len(pooled), 2, -1), *self._texts)))
