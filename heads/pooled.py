"""The pooled vectors that a set of heads needs, each computed once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch

from heads.affine import Affine
from heads.attention import AttentionPooling
from heads.model import HeadModel
from heads.pair import PairPooling, text_masks
from heads.pooling import MeanPooling

Mix = tuple[float, ...] | None


class Pool(Protocol):
    """Pools a padded batch into slots."""

    def __call__(self, values: torch.Tensor, lengths: torch.Tensor, first_lengths: torch.Tensor | None) -> torch.Tensor:
        """(slots, documents, d) from values (documents, tokens, d), and the lengths (documents,)."""


class PooledSlots:
    """Padded values of a batch to one (documents, d) slot for each different pooled vector.

    Heads are brought together first by layer mix, since that decides which values they pool, then by how they pool:
    attention heads of as many heads are one matrix product, with a slot for each of their queries, or for each text of
    a pair; all that pool by cls, or by mean, share one slot.

    Attributes:
        of_head: slots of each head, in the order given.
        floats_of_document: of the largest intermediate result, the weighted sums of the attention heads.
    """

    def __init__(self, models: Sequence[HeadModel]) -> None:
        self.of_head: list[slice] = [slice(0)] * len(models)
        self._pools: list[tuple[Mix, list[Pool]]] = []
        self.floats_of_document = sum(
            _slots_of(model) * pool.heads * pool.width for model in models if (pool := _attention_of(model))
        )
        slots = 0
        for mix in dict.fromkeys(map(_mix_of, models)):
            pools: list[Pool] = []
            members = [place for place, model in enumerate(models) if _mix_of(model) == mix]
            for kind in dict.fromkeys(_kind_of(models[place]) for place in members):
                alike = [place for place in members if _kind_of(models[place]) == kind]
                attention = [pool for place in alike if (pool := _attention_of(models[place]))]
                if attention:
                    pools.append(_StackedAttention(attention, of_pairs=models[alike[0]].of_pairs))
                    for place in alike:
                        self.of_head[place] = slice(slots, slots := slots + _slots_of(models[place]))
                else:
                    pools.append(_Single(models[alike[0]]))
                    for place in alike:
                        self.of_head[place] = slice(slots, slots + 1)
                    slots += 1
            self._pools.append((mix, pools))

    def __call__(
        self, values: torch.Tensor, lengths: torch.Tensor, first_lengths: torch.Tensor | None = None
    ) -> torch.Tensor:
        """(slots, documents, d) from values (documents, tokens, [m,] d) and lengths (documents,).

        ``first_lengths`` (documents,) are needed where a head is one of pairs.
        """
        slots = []
        for mix, pools in self._pools:
            mixed = values if mix is None else torch.matmul(values.new_tensor(mix), values)
            slots += [pool(mixed, lengths, first_lengths) for pool in pools]
        return slots[0] if len(slots) == 1 else torch.cat(slots)


class _Single:
    """The one slot of a pooling without parameters."""

    def __init__(self, model: HeadModel) -> None:
        self._pooling = model.pooling

    def __call__(
        self,
        values: torch.Tensor,
        lengths: torch.Tensor,
        first_lengths: torch.Tensor | None,  # noqa: ARG002 - one signature for all
    ) -> torch.Tensor:
        # A view of the first position would keep all the batch's values in memory until its group is classified.
        return self._pooling(values, lengths)[None].clone()  # type: ignore[no-any-return]


class _StackedAttention:
    """Attention poolings of as many heads each, up to and without the bias of the value projection.

    One slot for each query of each of them, in their order: S in all; for pairs two slots, u and v, in its place.
    """

    def __init__(self, poolings: Sequence[AttentionPooling], *, of_pairs: bool) -> None:
        self._of_pairs = of_pairs
        self._queries = Affine(torch.cat([pooling.folded_queries() for pooling in poolings]))
        self._heads = poolings[0].heads
        # (S · H, d, d / H): the value projection of each head, again for each query.
        values = [
            pooling.value_weight.view(pooling.heads, -1, pooling.width).transpose(1, 2).repeat(pooling.queries, 1, 1)
            for pooling in poolings
        ]
        self._values = torch.cat(values).contiguous()

    def __call__(self, values: torch.Tensor, lengths: torch.Tensor, first_lengths: torch.Tensor | None) -> torch.Tensor:
        documents, tokens, width = values.shape
        scores = self._queries(values.reshape(-1, width)).view(documents, tokens, -1)
        if not self._of_pairs:
            return self._pool(values, scores, torch.arange(tokens) < lengths[:, None])
        if first_lengths is None:
            raise ValueError("heads of pairs need the lengths of the first texts")
        texts = text_masks(tokens, lengths, first_lengths).unbind(dim=1)
        both = [self._pool(values, scores.clone(), text) for text in texts]
        return torch.stack(both, dim=1).flatten(0, 1)

    def _pool(self, values: torch.Tensor, scores: torch.Tensor, counted: torch.Tensor) -> torch.Tensor:
        """(S, documents, d) from scores (documents, tokens, S · H), which it overwrites, of the ``counted`` tokens."""
        left_out = ~counted[:, :, None]
        weights = scores.masked_fill_(left_out, -torch.inf).softmax(dim=1)
        if self._of_pairs:
            # A document without a second text: the softmax of -inf alone is NaN.
            weights.masked_fill_(left_out, 0.0)
        pooled = torch.bmm(weights.transpose(1, 2), values)
        projected = torch.bmm(pooled.transpose(0, 1), self._values)
        by_slot = projected.view(-1, self._heads, len(values), self._values.shape[2])
        return by_slot.transpose(1, 2).reshape(-1, len(values), values.shape[2])


def _attention_of(model: HeadModel) -> AttentionPooling | None:
    pooling = model.pooling.attention if isinstance(model.pooling, PairPooling) else model.pooling
    return pooling if isinstance(pooling, AttentionPooling) else None


def _slots_of(model: HeadModel) -> int:
    """Pooled vectors of a document: one for each query, or for each text of a pair."""
    if isinstance(model.pooling, AttentionPooling):
        return model.pooling.queries
    return 2 if model.of_pairs else 1


def _mix_of(model: HeadModel) -> Mix:
    return None if model.mix is None else tuple(model.mix.weights.tolist())


def _kind_of(model: HeadModel) -> tuple[str, int]:
    """What heads must have in common to be pooled together."""
    attention = _attention_of(model)
    if attention is not None:
        return "pair" if model.of_pairs else "attention", attention.heads
    return ("mean" if isinstance(model.pooling, MeanPooling) else "cls"), 0
