"""Groups of heads that pool together on a CPU, so that each pooled vector is computed once.

The sizes of the groups decide the speed. The values of some documents are decoded once and stay in the processor's
caches, while one group of heads after the other pools them. The weighted sums of a group are projected for all these
documents at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol

import torch

from encore.heads.batches import Batch
from encore.heads.model import AttentionPooling, ClsPooling, HeadModel, MeanPooling, PairPooling, Pooling
from encore.heads.scoring.attention import attention_sums, shifts
from encore.heads.scoring.buffers import Scratch

Mix = tuple[float, ...] | None

ATTENTION_ROWS = 96
"""Attention heads, counted over all queries, in one group; a single head may have more. With a fourth of it the
products are too small; with twice as many the weighted sums leave the caches."""


FAST = frozenset({AttentionPooling, PairPooling, ClsPooling, MeanPooling})
"""Poolings that `HeadGroups` can compute. A subclass of one is not included."""


def can_share(model: HeadModel) -> bool:
    """Whether `HeadGroups` can take a head."""
    return type(model.pooling) in FAST and model.standard is None


class HeadGroup(Protocol):
    """Pools batches for some heads.

    Attributes:
        vectors: number of pooled vectors of each document, before the value projection.
    """

    vectors: int

    def pool(self, batch: Batch, out: torch.Tensor) -> None:
        """Pool a batch into ``out`` (vectors, documents, d)."""

    def heads(self, pooled: torch.Tensor) -> Iterator[tuple[int, torch.Tensor]]:
        """From pooled (vectors, documents, d), each head's place and its vectors side by side (documents, n · d)."""


class HeadGroups:
    """Computes the pooled vectors of each head from batches of documents.

    Heads are grouped by layer mix first, since the mix decides which values they pool. Then they are grouped by
    pooling. Attention poolings with the same number of attention heads are one matrix product, up to `ATTENTION_ROWS`
    at a time. All heads that pool by cls share one vector, and so do those that pool by mean.

    Attributes:
        vectors: most vectors of a document that are held before their projection.
        passes: how often the batches are read.
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
        """Each head's place and its pooled vectors (documents, n · d); every head once, in any order.

        Args:
            batches: an iterable that can be read `passes` times.
            documents: number of documents in all batches.
            scratch: memory for the vectors before their projection.
        """
        for mix, pools in self._pools:
            mixed = batches if mix is None else (batch.mixed(batch.rows.new_tensor(mix)) for batch in batches)
            if len(pools) > 1:
                mixed = list(mixed)
            for pool in pools:
                pooled = scratch.take("pooled", pool.vectors, documents, self._width)
                start = 0
                for batch in mixed:
                    pool.pool(batch, pooled[:, start : start + len(batch)])
                    start += len(batch)
                yield from pool.heads(pooled)


class SharedVectorGroup:
    """A pooling without parameters: all its heads share one vector."""

    vectors = 1

    def __init__(self, models: Mapping[int, HeadModel]) -> None:
        self._places = list(models)
        self._pooling = next(iter(models.values())).pooling

    def pool(self, batch: Batch, out: torch.Tensor) -> None:
        """Pool a batch into ``out`` (1, documents, d)."""
        out[0] = self._pooling(batch)

    def heads(self, pooled: torch.Tensor) -> Iterator[tuple[int, torch.Tensor]]:
        """From pooled (1, documents, d), each head's place and the shared vector (documents, d)."""
        for place in self._places:
            yield place, pooled[0]


class AttentionGroup:
    """Attention poolings with H attention heads each, up to the value projection without its bias.

    A document has one vector for each query and attention head. In heads of pairs it has one for each text and
    attention head.
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
        """Write the weighted sums of a batch into ``out`` (vectors, documents, d)."""
        if not self._of_pairs:
            attention_sums(self._keys, batch, out)
            return
        scores = torch.mm(self._keys, batch.rows.t())
        weights = self._of_texts(scores.view(-1, self._heads, 1, len(batch), batch.tokens), batch)
        torch.bmm(weights.transpose(0, 1), batch.values, out=out.transpose(0, 1))

    def _of_texts(self, scores: torch.Tensor, batch: Batch) -> torch.Tensor:
        """Weights (vectors, documents, tokens) within each text, from scores (queries, H, 1, documents, tokens)."""
        left_out = ~batch.texts.transpose(0, 1)
        weights = (scores + shifts(left_out)).softmax(dim=-1)
        # For a document without a second text, the softmax of -inf alone is NaN.
        weights.masked_fill_(left_out, 0.0)
        return weights.transpose(1, 2).reshape(-1, len(batch), batch.tokens)

    def heads(self, pooled: torch.Tensor) -> Iterator[tuple[int, torch.Tensor]]:
        """From pooled (vectors, documents, d), each head's place and its projected values, d for each query or text."""
        start = 0
        for place, vectors, projections in self._members:
            sums = pooled[start : start + vectors].view(-1, self._heads, *pooled.shape[1:])
            projected = sums @ projections
            yield place, projected.permute(2, 0, 1, 3).flatten(1)
            start += vectors


def _attention_groups(models: Mapping[int, HeadModel]) -> Iterator[AttentionGroup]:
    """Cut heads of one kind into groups of up to `ATTENTION_ROWS` attention heads."""
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
    """Value projections (H, d, d / H): the matrix by which each attention head multiplies its weighted sums."""
    return pooling.value_weight.detach().view(pooling.heads, -1, pooling.width).mT


def _attention_of(model: HeadModel) -> AttentionPooling | None:
    pooling = model.pooling.attention if isinstance(model.pooling, PairPooling) else model.pooling
    return pooling if isinstance(pooling, AttentionPooling) else None


def _mix_of(model: HeadModel) -> Mix:
    return None if model.mix is None else tuple(model.mix.weights.tolist())


def _kind_of(model: HeadModel) -> tuple[type[Pooling], int]:
    """What the heads of a group have in common: the pooling, and the number of attention heads (0 for none)."""
    attention = _attention_of(model)
    return type(model.pooling), 0 if attention is None else attention.heads
