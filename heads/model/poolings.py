"""Position pooling: one vector from the token vectors of a document (paper, section 4).

Every pooling is a module that takes padded values (documents, tokens, d) and their lengths (documents,), and gives
(documents, d), (documents, N·d) from attention with N queries, or (documents, 4·d) from both texts of a pair, which
takes the lengths of the first texts besides. Positions from a document's length on are padding: they may hold any
finite number and change nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from encore.featurestore.errors import UsageError
from encore.featurestore.spec import FeatureSpec, require_summary
from encore.heads.attention_sizes import check_queries
from encore.heads.model.attention import AttentionPooling
from encore.heads.model.pair import PairPooling


class ClsPooling(nn.Module):
    """The vector of the first position."""

    def forward(self, values: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:  # noqa: ARG002 - one signature for all
        """Pool values (documents, tokens, d) to (documents, d)."""
        return values[:, 0]


class MeanPooling(nn.Module):
    """The mean over all positions that are not padding, special tokens included."""

    def forward(self, values: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """Pool values (documents, tokens, d) to (documents, d)."""
        real = torch.arange(values.shape[1], device=values.device) < lengths[:, None]
        shares = real.to(values.dtype) / lengths[:, None].to(values.dtype)
        return torch.bmm(shares[:, None, :], values)[:, 0]


Pooling = ClsPooling | MeanPooling | AttentionPooling | PairPooling

KINDS: Mapping[str, type[Pooling]] = {
    "attention": AttentionPooling,
    "pair": PairPooling,
    "cls": ClsPooling,
    "mean": MeanPooling,
}
"""Position poolings that a head can have."""

POOLINGS = tuple(KINDS)


def kind_of(pooling: nn.Module) -> str:
    """Which of `POOLINGS` a module is."""
    return next(name for name, kind in KINDS.items() if isinstance(pooling, kind))


def build_pooling(
    kind: str,
    width: int,
    attention_heads: int | None,
    generator: torch.Generator | None = None,
    *,
    queries: int = 1,
) -> Pooling:
    """The pooling module of this kind.

    Args:
        kind: one of `POOLINGS`.
        width: d, floats in a token vector.
        attention_heads: heads of attention pooling; None takes d / 64.
        generator: source of the initial weights; None takes torch's own.
        queries: of attention pooling.

    Raises:
        UsageError: unknown kind, or attention heads or queries that the kind or the width does not allow.
    """
    check_kind(kind)
    check_queries_of(kind, queries)
    if kind == "attention":
        return AttentionPooling(width, attention_heads, generator, queries=queries)
    if kind == "pair":
        return PairPooling(width, attention_heads, generator)
    if attention_heads is not None:
        raise UsageError(
            f"attention heads {attention_heads}: pooling {kind} has none; leave them out or pool by attention"
        )
    return ClsPooling() if kind == "cls" else MeanPooling()


def check_kind(kind: str) -> None:
    """Raise UsageError unless it is one of `POOLINGS`."""
    if kind not in POOLINGS:
        raise UsageError(f"pooling {kind!r}: expected one of {', '.join(POOLINGS)}")


def check_queries_of(kind: str, queries: int) -> None:
    """Raise UsageError unless a pooling of this kind can have so many queries."""
    check_queries(queries)
    if kind != "attention" and queries > 1:
        own = "one" if kind == "pair" else "none"
        raise UsageError(f"queries {queries}: pooling {kind} has {own}; leave them out or pool by attention")


def default_pooling(positions: str, *, pairs: bool = False) -> str:
    """What suits the stored positions: attention over tokens, over each text of pairs, else the one vector there is."""
    if positions != "tokens":
        return positions
    return "pair" if pairs else "attention"


def check_pooling(kind: str, spec: FeatureSpec) -> None:
    """Raise UsageError unless features of this spec can be pooled this way."""
    check_kind(kind)
    if spec.positions not in ("tokens", kind):
        raise UsageError(
            f"pooling {kind}: the store holds one vector a document (positions {spec.positions}); "
            f"use pooling {spec.positions}, or encode with positions tokens"
        )
    if kind == "cls":
        require_summary(spec.encoder, "pooling", special_tokens=spec.text.special_tokens)
