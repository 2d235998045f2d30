"""The position poolings that a head can have, by name."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from encore.featurestore.errors import UsageError
from encore.featurestore.spec import FeatureSpec
from encore.heads.attention_sizes import check_queries
from encore.heads.model.attention import AttentionPooling
from encore.heads.model.cls import ClsPooling
from encore.heads.model.mean import MeanPooling
from encore.heads.model.pair import PairPooling
from encore.heads.model.pooling import Pooling

POOLINGS: Mapping[str, type[Pooling]] = {
    "attention": AttentionPooling,
    "pair": PairPooling,
    "cls": ClsPooling,
    "mean": MeanPooling,
}
"""Position poolings that a head can have."""


def kind_of(pooling: Pooling) -> str:
    """The name of a pooling module in `POOLINGS`."""
    return next(name for name, kind in POOLINGS.items() if type(pooling) is kind)


def build_pooling(
    kind: str,
    width: int,
    attention_heads: int | None,
    generator: torch.Generator | None = None,
    *,
    queries: int = 1,
) -> Pooling:
    """Build the pooling module of this kind.

    Args:
        kind: one of `POOLINGS`.
        width: d, floats in a token vector.
        attention_heads: number of heads of attention pooling; None takes d / 64.
        generator: source of the initial weights; None takes torch's own.
        queries: number of queries of attention pooling.

    Raises:
        UsageError: unknown kind, or a number of attention heads or queries that the kind or the width does not allow.
    """
    check_kind(kind)
    check_queries_of(kind, queries)
    pooling = POOLINGS[kind]
    if pooling.most_queries:
        return pooling(width, generator=generator, heads=attention_heads, queries=queries)
    if attention_heads is not None:
        raise UsageError(
            f"attention heads {attention_heads}: pooling {kind} has none; leave them out or pool by attention"
        )
    return pooling(width, generator)


def check_kind(kind: str) -> None:
    """Raise UsageError unless the kind is one of `POOLINGS`."""
    if kind not in POOLINGS:
        raise UsageError(f"pooling {kind!r}: expected one of {', '.join(POOLINGS)}")


def check_queries_of(kind: str, queries: int) -> None:
    """Raise UsageError unless a pooling of this kind can have this many queries."""
    check_queries(queries)
    most = POOLINGS[kind].most_queries
    if queries > max(1, most):
        own = "one" if most else "none"
        raise UsageError(f"queries {queries}: pooling {kind} has {own}; leave them out or pool by attention")


def default_pooling(positions: str, *, pairs: bool = False) -> str:
    """The default pooling: ``attention`` over stored tokens, ``pair`` for pairs, else the stored position itself."""
    if positions != "tokens":
        return positions
    return "pair" if pairs else "attention"


def check_pooling(kind: str, spec: FeatureSpec) -> None:
    """Raise UsageError unless features of this spec can be pooled in this way."""
    check_kind(kind)
    if spec.positions not in ("tokens", kind):
        raise UsageError(
            f"pooling {kind}: the store holds one vector a document (positions {spec.positions}); "
            f"use pooling {spec.positions}, or encode with positions tokens"
        )
    POOLINGS[kind].check(spec)
