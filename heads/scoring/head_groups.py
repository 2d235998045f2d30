"""Heads that are pooled together on a CPU, few at a time, each pooled vector computed once.

How they are cut decides the speed. The values of a group of documents are decoded once and stay in the processor's
caches while one set of heads after the other pools them; the weighted sums of a set are projected for the whole group
at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol

import torch

from encore.heads.batches import Batch
from encore.heads.model import AttentionPooling, ClsPooling, HeadModel, MeanPooling, PairPooling, Pooling
from encore.heads.products import ROWS, laid_out, multiply, product, weighted_sums
from encore.heads.scoring.buffers import Scratch

Mix = tuple[float, ...] | None

ATTENTION_ROWS = 96
"""Attention heads, over all queries, that are pooled together, unless a single head has more: with a fourth of them the
products are small, and with twice as many their weighted sums leave the caches."""


FAST = frozenset({AttentionPooling, PairPooling, ClsPooling, MeanPooling})
"""Poolings that `HeadGroups` knows, each itself and none derived from it."""


def can_share(model: HeadModel) -> bool:
    """Whether `HeadGroups` takes a head."""
    return type(model.pooling) in FAST and model.standard is None


class HeadGroup(Protocol):
    """Pools batches for some heads.

    Attributes:
        vectors: of each document, before they are projected.
    """

    vectors: int

    def pool(self, batch: Batch, out: torch.Tensor) -> None:
        """HeadGroup a batch into ``out`` (vectors, documents, d)."""

    def heads(self, pooled: torch.Tensor) -> Iterator[tuple[int, torch.Tensor]]:
        """(place of a head, (documents, n · d) what it needs of them) from pooled (vectors, documents, d)."""


class HeadGroups:
    """Batches of documents to the pooled vectors of each head, side by side.

    Heads are brought together first by layer mix, since that decides which values they pool, then by how they pool:
    attention heads of as many heads are one matrix product, some `ATTENTION_ROWS` at a time; all that pool by cls, or
    by mean, share one vector.

    Attributes:
        vectors: of a document, at most, that wait to be projected.
        passes: how often the batches are looked at.
    """

    def __init__(self, models: Mapping[int, HeadModel], width: int) -> None:
        """Take heads that `can_share`, each by its place."""
        self._width = width
        self._pools: list[tuple[Mix, list[HeadGroup]]] = []
        for mix in dict.fromkeys(map(_mix_of, models.values())):
            members = [place for place, model in models.items() if _mix_of(model) == mix]
            pools: list[HeadGroup] = []
            for kind in dict.fromkeys(_kind_of(models[place]) for place in members):
                alike = {place: models[place] for place in members if _kind_of(models[place]) == kind}
                pools += _attention_groups(alike) if kind[1] else [SharedVectorGroup(alike)]
            self._pools.append((mix, pools))
        self.vectors = max((pool.vectors for _, pools in self._pools for pool in pools), default=1)
        self.passes = sum(len(pools) for _, pools in self._pools)

    def __call__(
        self, batches: Iterable[Batch], documents: int, scratch: Scratch
    ) -> Iterator[tuple[int, torch.Tensor]]:
        """(place of a head, (at least documents, n · d) its pooled vectors), every head once, in any order.

        Args:
            batches: looked at `passes` times.
            documents: of all batches together; what comes back may have more rows, of no meaning.
            scratch: takes what lies between.
        """
        rounded = -(-documents // ROWS) * ROWS
        for mix, pools in self._pools:
            mixed = batches if mix is None else (batch.mixed(batch.rows.new_tensor(mix)) for batch in batches)
            if len(pools) > 1:
                mixed = list(mixed)
            for pool in pools:
                pooled = scratch.take("pooled", pool.vectors, rounded, self._width)
                start = 0
                for batch in mixed:
                    pool.pool(batch, pooled[:, start : start + len(batch)])
                    start += len(batch)
                yield from pool.heads(pooled)


class SharedVectorGroup:
    """The one vector of a pooling without parameters, the same for all heads that pool so."""

    vectors = 1

    def __init__(self, models: Mapping[int, HeadModel]) -> None:
        self._places = list(models)
        self._pooling = next(iter(models.values())).pooling

    def pool(self, batch: Batch, out: torch.Tensor) -> None:
        """HeadGroup a batch into ``out`` (1, documents, d)."""
        out[0] = self._pooling(batch)

    def heads(self, pooled: torch.Tensor) -> Iterator[tuple[int, torch.Tensor]]:
        """(place of a head, (documents, d)) from pooled (1, documents, d)."""
        for place in self._places:
            yield place, pooled[0]


class AttentionGroup:
    """Attention poolings of H attention heads each, up to and without the bias of the value projection.

    A document has a vector for each attention head of each query; for heads of pairs, of each text in its place.
    """

    def __init__(self, poolings: Mapping[int, AttentionPooling], *, of_pairs: bool) -> None:
        self._of_pairs = of_pairs
        self._heads = next(iter(poolings.values())).heads
        # (queries · H, d)
        self._keys = torch.cat([pooling.folded_queries() for pooling in poolings.values()])
        self.vectors = len(self._keys) * (2 if of_pairs else 1)
        self._members = [
            (place, pooling.queries * pooling.heads * (2 if of_pairs else 1), _projections_of(pooling))
            for place, pooling in poolings.items()
        ]

    def pool(self, batch: Batch, out: torch.Tensor) -> None:
        """Weighted sums of a batch into ``out`` (vectors, documents, d)."""
        # The tokens are the second factor, so that the scores of a document lie side by side for their softmax.
        scores = product(self._keys, batch.rows)[:, : len(batch) * batch.tokens]
        if self._of_pairs:
            weights = self._of_texts(scores.view(-1, self._heads, 1, len(batch), batch.tokens), batch)
        else:
            weights = _plus_infinities(scores.view(-1, len(batch), batch.tokens), batch.padding).softmax(dim=-1)
        weighted_sums(weights, batch.values, out)

    def _of_texts(self, scores: torch.Tensor, batch: Batch) -> torch.Tensor:
        """(vectors, documents, tokens) weights, text by text, from scores (queries, H, 1, documents, tokens)."""
        left_out = ~batch.texts.transpose(0, 1)
        weights = _plus_infinities(scores, left_out).softmax(dim=-1)
        # A document without a second text: the softmax of -inf alone is NaN.
        weights.masked_fill_(left_out, 0.0)
        return weights.transpose(1, 2).reshape(-1, len(batch), batch.tokens)

    def heads(self, pooled: torch.Tensor) -> Iterator[tuple[int, torch.Tensor]]:
        """(place of a head, (documents, slots · d) its projected values) from pooled (vectors, documents, d)."""
        start = 0
        for place, vectors, projections in self._members:
            yield place, multiply(pooled[start : start + vectors], projections)
            start += vectors


def _plus_infinities(scores: torch.Tensor, left_out: torch.Tensor) -> torch.Tensor:
    """Scores, -inf where tokens are left out: a sum is faster than filling, and padding is finite."""
    return scores + torch.zeros(left_out.shape).masked_fill_(left_out, -torch.inf)


def _attention_groups(models: Mapping[int, HeadModel]) -> Iterator[AttentionGroup]:
    """Heads that can be pooled together, as many at a time as have `ATTENTION_ROWS` attention heads."""
    together: dict[int, AttentionPooling] = {}
    of_pairs = next(iter(models.values())).of_pairs
    for place, model in models.items():
        pooling = _attention_of(model)
        if pooling is None:
            raise TypeError(f"{model.pooling!r} is no attention")
        rows = sum(member.queries * member.heads for member in (*together.values(), pooling))
        if together and rows > ATTENTION_ROWS:
            yield AttentionGroup(together, of_pairs=of_pairs)
            together = {}
        together[place] = pooling
    yield AttentionGroup(together, of_pairs=of_pairs)


def _projections_of(pooling: AttentionPooling) -> torch.Tensor:
    """(H, d, d / H): what each of H attention heads multiplies its weighted sums with."""
    return laid_out(pooling.value_weight.detach().view(pooling.heads, -1, pooling.width))


def _attention_of(model: HeadModel) -> AttentionPooling | None:
    pooling = model.pooling.attention if isinstance(model.pooling, PairPooling) else model.pooling
    return pooling if isinstance(pooling, AttentionPooling) else None


def _mix_of(model: HeadModel) -> Mix:
    return None if model.mix is None else tuple(model.mix.weights.tolist())


def _kind_of(model: HeadModel) -> tuple[type[Pooling], int]:
    """What heads must have in common to be pooled together: how they pool, and how many attention heads each has."""
    attention = _attention_of(model)
    return type(model.pooling), 0 if attention is None else attention.heads
