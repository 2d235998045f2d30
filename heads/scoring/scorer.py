"""Many heads over one block of features in one pass: what they have in common is done once.

The features are decoded once, a group of documents at a time. The folded queries of many attention heads are one
matrix, so that their scores are one matrix product and their weighted sums another; heads that pool by cls or mean
share the pooled vectors. What is left for each head is the value projection and the classifier, with the output
projection folded into its first linear map.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch

from encore.featurestore.documents import FeatureBlock
from encore.featurestore.errors import StoreError, UsageError
from encore.featurestore.spec import FeatureSpec
from encore.heads.artefact import Head
from encore.heads.batches import BATCH_FLOATS, budget_batches, check_block, pad, rows_of_budget
from encore.heads.model import AttentionPooling, HeadModel, PairPooling, compare_texts
from encore.heads.products import laid_out, multiply
from encore.heads.scoring.device import DeviceScoring
from encore.heads.scoring.folding import folded_hidden
from encore.heads.scoring.vectors import Batch, PooledHeads, Scratch

Positions = npt.NDArray[np.int64]

ROW_STEPS = 8
"""Decoded batches have one of so many numbers of rows, unless a document is longer than a batch: the product that makes
their scores is made anew for every shape that it meets."""

GROUP_DOCUMENTS = 1024
"""Documents whose vectors are projected and classified together."""

KEPT_FLOATS = 6 * BATCH_FLOATS
"""Decoded floats of a group, padding included, where they are kept for several sets of heads."""

POOLED_FLOATS = 16 * BATCH_FLOATS
"""Weighted sums of a group, one vector for each attention head of each query of the heads that are pooled together:
with many queries over short documents they are far more than the features themselves."""


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
        UsageError: no heads, or a type that the device does not score in.
        SpecMismatch: a head was trained on other features.
    """

    def __init__(
        self,
        heads: Sequence[Head],
        spec: FeatureSpec,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        """Prepare heads on a device.

        Args:
            heads: at least one.
            spec: of the blocks to come.
            device: where they score; features are brought there block by block.
            dtype: what is multiplied: float32, or, except on the CPU, float16 (`check_dtype`).
        """
        if not heads:
            raise UsageError("no head to score with; name at least one")
        for head in heads:
            head.require(spec, f"head {head.task}", "the features")
        self.heads = tuple(heads)
        self.spec = spec
        self._of_pairs = any(head.model.of_pairs for head in heads)
        models, place = [head.model for head in heads], torch.device(device)
        check_dtype(dtype, place)
        self._scoring: _Scoring = (
            _ProcessorScoring(models, spec) if place.type == "cpu" else DeviceScoring(models, spec, place, dtype)
        )

    def score(self, block: FeatureBlock) -> list[Scores]:
        """Class probabilities of every document by every head.

        Args:
            block: documents of any lengths, in any order.

        Raises:
            StoreError: features that are not of the spec; a head of pairs, and documents encoded by a version that did
                not keep where their second text begins; probabilities that are no numbers.
        """
        check_block(block, self.spec)
        first_lengths = block.first_lengths if self._of_pairs else None
        results = self._scoring.probabilities(block, first_lengths)
        for head, result in zip(self.heads, results, strict=True):
            _require_numbers(head, result)
        return [Scores(head, result) for head, result in zip(self.heads, results, strict=True)]


def _require_numbers(head: Head, probabilities: npt.NDArray[np.float32]) -> None:
    """Raise StoreError where documents have no probability: the class that comes first would be taken for theirs."""
    lost = int((~np.isfinite(probabilities)).any(axis=1).sum())
    if lost:
        raise StoreError(
            f"head {head.task}: gives {lost} of {len(probabilities)} documents no probability (NaN): its weights are"
            " too large to compute with, or the features are damaged; leave the head out, or verify the store"
        )


def check_dtype(dtype: torch.dtype, device: torch.device) -> None:
    """Raise UsageError unless heads score in this type on this device.

    A half has as many digits as TF32, and its products take half the time of those. bfloat16 has three bits fewer and a
    range that nothing here needs.
    """
    if dtype not in (torch.float32, torch.float16):
        raise UsageError(f"dtype {str(dtype).removeprefix('torch.')}: heads score in float32 or float16")
    if dtype == torch.float16 and device.type == "cpu":
        raise UsageError(
            "dtype float16 on the CPU: heads score in float32 there; leave it out, or ask for --device cuda"
        )


class _Scoring(Protocol):
    """Heads of one spec, prepared where they score."""

    def probabilities(self, block: FeatureBlock, first_lengths: Positions | None) -> list[npt.NDArray[np.float32]]:
        """(documents, classes) of each head, in the order of the heads."""


class _ProcessorScoring:
    """Heads prepared on the CPU."""

    def __init__(self, models: Sequence[HeadModel], spec: FeatureSpec) -> None:
        self._spec = spec
        with torch.inference_mode():
            self._pooled = PooledHeads(models, spec.width)
            self._classifiers = [_FoldedClassifier.of(model) for model in models]
        self._classes = [model.classifier.output.out_features for model in models]
        self._group_documents = max(1, min(GROUP_DOCUMENTS, POOLED_FLOATS // (self._pooled.vectors * spec.width)))
        self._scratch = Scratch()

    def probabilities(self, block: FeatureBlock, first_lengths: Positions | None) -> list[npt.NDArray[np.float32]]:
        """(documents, classes) of each head, in the order of the heads."""
        results = [np.empty((len(block), classes), np.float32) for classes in self._classes]
        budget = rows_of_budget(self._spec)
        # A document of few vectors counts as more, so that no batch is more than a group.
        lengths = np.maximum(block.lengths, -(-budget // self._group_documents))
        with torch.inference_mode():
            for group in self._groups(budget_batches(lengths, budget), lengths):
                positions = np.concatenate(group)
                batches: Iterable[Batch] = self._decoded(block, first_lengths, group)
                if self._pooled.passes > 1:
                    batches = list(batches)
                for place, pooled in self._pooled(batches, len(positions), self._scratch):
                    results[place][positions] = self._classifiers[place](pooled)[: len(positions)].numpy()
        return results

    def _groups(self, batches: Sequence[Positions], lengths: Positions) -> Iterator[list[Positions]]:
        """Batches in a row that are as many documents together as a group may have, and as many floats."""
        row = self._spec.width * (self._spec.layers.stacked or 1)
        group: list[Positions] = []
        many = floats = 0
        for documents in batches:
            more = len(documents) * int(lengths[documents[-1]]) * row
            kept = floats + more if self._pooled.passes > 1 else 0
            if group and (many + len(documents) > self._group_documents or kept > KEPT_FLOATS):
                yield group
                group, many, floats = [], 0, 0
            group.append(documents)
            many, floats = many + len(documents), floats + more
        if group:
            yield group

    def _decoded(
        self, block: FeatureBlock, first_lengths: Positions | None, group: Sequence[Positions]
    ) -> Iterator[Batch]:
        """The features of each batch; where they are looked at once, valid until the next one is asked for."""
        quantizer, width = self._spec.quantizer, self._spec.width
        layers = [self._spec.layers.stacked] if self._spec.layers.stacked else []
        step = max(1, rows_of_budget(self._spec) // ROW_STEPS)
        for number, documents in enumerate(group):
            packed, lengths = pad(block.packed, block.offsets, documents)
            used = packed.shape[0] * packed.shape[1]
            name = f"decoded {number if self._pooled.passes > 1 else 0}"
            rows = self._scratch.take(name, -(-used // step) * step, *layers, width)
            quantizer.dequantize(packed.flatten(0, 1), width, out=rows[:used])
            first = None if first_lengths is None else torch.from_numpy(first_lengths[documents])
            yield Batch(rows, packed.shape[1], lengths, first)


class _FoldedClassifier:
    """Pooled vectors to probabilities: output projection, two-layer perceptron, softmax."""

    def __init__(self, model: HeadModel) -> None:
        pooling, classifier = model.pooling, model.classifier
        weight: torch.Tensor = classifier.hidden.weight
        bias: torch.Tensor = classifier.hidden.bias
        if isinstance(pooling, AttentionPooling):
            weight, bias = folded_hidden(pooling, classifier.hidden)
        # tanh x = 2 σ(2x) - 1, and torch's σ takes a tenth of the time of its tanh.
        self._hidden = laid_out(2 * weight[None]), 2 * bias
        output: torch.Tensor = classifier.output.weight
        self._output = laid_out(2 * output[None]), classifier.output.bias - output.sum(dim=1)

    @staticmethod
    def of(model: HeadModel) -> _FoldedClassifier:
        """The classifier of a head."""
        pooling = model.pooling
        return _PairClassifier(model, pooling) if isinstance(pooling, PairPooling) else _FoldedClassifier(model)

    def __call__(self, pooled: torch.Tensor) -> torch.Tensor:
        """(documents, classes) probabilities from the pooled vectors of the head, side by side (documents, n · d)."""
        return multiply(multiply(pooled[None], *self._hidden).sigmoid_()[None], *self._output).softmax(dim=1)


class _PairClassifier(_FoldedClassifier):
    """The same for pairs, whose output projection comes before the comparison of the texts and cannot be folded in."""

    def __init__(self, model: HeadModel, pooling: PairPooling) -> None:
        super().__init__(model)
        attention = pooling.attention
        shift = attention.output_weight @ attention.value_bias + attention.output_bias
        self._texts = laid_out(attention.output_weight.detach()[None]), shift

    def __call__(self, pooled: torch.Tensor) -> torch.Tensor:
        """(documents, classes) probabilities from both texts side by side (documents, 2 · d)."""
        documents, width = pooled.shape[0], pooled.shape[1] // 2
        texts = multiply(pooled.view(1, 2 * documents, width), *self._texts).view(documents, 2, width)
        return super().__call__(compare_texts(texts))
