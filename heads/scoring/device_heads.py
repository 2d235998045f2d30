"""Heads on a device. Heads of one shape are scored together by a few batched products, the others by their modules."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from itertools import pairwise
from typing import NamedTuple, Protocol

import torch

from encore.heads.batches import Batch
from encore.heads.model import AttentionPooling, HeadModel
from encore.heads.scoring.attention import attention_sums, product
from encore.heads.scoring.plain_head import PlainHead

DEVICE_ROWS = 2048
"""Attention heads, counted over all queries, in one product; a single head may have more. A hundred heads of 16 fit."""


class Answers(NamedTuple):
    """Heads whose probabilities lie in one tensor.

    Attributes:
        places: places of the heads, in the order of the probabilities.
        classes: number of classes, the same for all these heads.
    """

    places: tuple[int, ...]
    classes: int


class DeviceHeads(Protocol):
    """Heads that score batches together.

    Attributes:
        answers: which heads they are, in the order of the results of `score`.
        vectors: weighted sums that it holds for each document at a time.
    """

    answers: tuple[Answers, ...]
    vectors: int

    def score(self, batch: Batch) -> list[torch.Tensor]:
        """For each of `answers` float32 (heads, documents, classes) probabilities of a batch."""


class AttentionSet:
    """G heads by attention that have the same number H of attention heads and N of queries: V = G·N·H vectors.

    Few products serve all heads. The scores are one product of all folded queries with all tokens. The weighted sums
    are a batch of products, one for each document. The value projections are a batch of V products, the hidden layers a
    batch of G, and the output layers one batch for each number of classes. Scores, softmax, and everything from the
    hidden layer on are float32. Factors of products have the type of the batch.
    """

    def __init__(self, models: Mapping[int, HeadModel], device: torch.device, dtype: torch.dtype) -> None:
        # Sorted, so that heads with the same number of classes are neighbours.
        places = sorted(models, key=lambda place: models[place].classifier.output.out_features)
        first = _attention_of(models[places[0]])
        self._count, self._sums = len(places), first.queries * first.heads
        self.vectors = self._count * self._sums
        keys, values, hidden, outputs = [], [], [], []
        for place in places:
            # Fold on the device: a hundred large heads cost 0.2 TFLOP.
            model = deepcopy(models[place]).to(device)
            pooling, classifier = _attention_of(model), model.classifier
            keys.append(pooling.folded_queries().to(dtype))
            # (N·H, d, d / H): the same H matrices project the sums of every query.
            projections = pooling.value_weight.view(pooling.heads, -1, pooling.width).transpose(1, 2).to(dtype)
            values.append(projections.repeat(pooling.queries, 1, 1))
            weight, bias = pooling.folded_output(classifier.hidden)
            hidden.append((weight.t().to(dtype), bias))
            outputs.append((classifier.output.weight.t(), classifier.output.bias))
        self._keys, self._values = torch.cat(keys), torch.cat(values)
        self._hidden = torch.stack([weight for weight, _ in hidden]), torch.stack([bias for _, bias in hidden])
        self._outputs = []
        answers = []
        for classes in sorted({bias.shape[0] for _, bias in outputs}):
            members = [number for number, (_, bias) in enumerate(outputs) if bias.shape[0] == classes]
            of_these = slice(members[0], members[-1] + 1)
            weights, biases = (torch.stack(part) for part in zip(*outputs[of_these], strict=True))
            self._outputs.append((of_these, weights, biases[:, None]))
            answers.append(Answers(tuple(places[of_these]), classes))
        self.answers = tuple(answers)

    def score(self, batch: Batch) -> list[torch.Tensor]:
        """For each of `answers` float32 (heads, documents, classes) probabilities of a batch."""
        documents = len(batch)
        sums = attention_sums(self._keys, batch)
        projected = torch.bmm(sums, self._values)
        side_by_side = projected.view(self._count, self._sums, documents, -1).transpose(1, 2).flatten(2)
        weight, bias = self._hidden
        hidden = product(side_by_side, weight).add_(bias[:, None]).tanh_()
        return [
            torch.baddbmm(shift, hidden[members], output).softmax(dim=-1) for members, output, shift in self._outputs
        ]


class SingleHead:
    """A head that scores by its own module: it has another pooling, a layer mix or a standardisation."""

    def __init__(self, place: int, model: HeadModel, device: torch.device) -> None:
        self._head = PlainHead(model, device)
        self.answers: tuple[Answers, ...] = (Answers((place,), self._head.classes),)
        self.vectors = self._head.vectors

    def score(self, batch: Batch) -> list[torch.Tensor]:
        """Float32 (1, documents, classes) probabilities of a batch."""
        return [self._head(batch)[None]]


def heads_on(models: Mapping[int, HeadModel], device: torch.device, dtype: torch.dtype) -> Iterator[DeviceHeads]:
    """Copy all heads to a device, each once. The given models stay where they are.

    Args:
        models: place → head.
        device: where the heads score.
        dtype: type of the features in their batches.
    """
    shapes: dict[tuple[int, int], dict[int, HeadModel]] = {}
    for place, model in models.items():
        pooling = model.pooling
        if type(pooling) is AttentionPooling and model.mix is None and model.standard is None:
            shapes.setdefault((pooling.heads, pooling.queries), {})[place] = model
        else:
            yield SingleHead(place, model, device)
    for (heads, queries), alike in shapes.items():
        places = list(alike)
        sets = -(-len(places) // max(1, DEVICE_ROWS // (heads * queries)))
        # Sets are as even as possible: the largest one decides how many documents are scored at a time.
        for start, stop in pairwise(len(places) * number // sets for number in range(sets + 1)):
            yield AttentionSet({place: alike[place] for place in places[start:stop]}, device, dtype)


def _attention_of(model: HeadModel) -> AttentionPooling:
    if not isinstance(model.pooling, AttentionPooling):
        raise TypeError(f"{model.pooling!r} is no attention over one text")
    return model.pooling
