"""Position pooling: one vector from the token vectors of a document (paper, section 4).

Every pooling is a module that takes padded values (documents, tokens, d) and their lengths (documents,), and gives
(documents, d), or (documents, N·d) from attention with N queries. Positions from a document's length on are padding:
they may hold any finite number and change nothing.
"""

from __future__ import annotations

import torch
from torch import nn

from featurestore.errors import UsageError
from featurestore.spec import FeatureSpec
from heads.attention import AttentionPooling, check_queries

POOLINGS = ("attention", "cls", "mean")
"""Position poolings that a head can have."""


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


def build_pooling(
    kind: str,
    width: int,
    attention_heads: int | None,
    generator: torch.Generator | None = None,
    *,
    queries: int = 1,
) -> ClsPooling | MeanPooling | AttentionPooling:
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
    if kind == "attention":
        return AttentionPooling(width, attention_heads, generator, queries=queries)
    if kind not in POOLINGS:
        raise UsageError(f"pooling {kind!r}: expected one of {', '.join(POOLINGS)}")
    if attention_heads is not None:
        raise UsageError(
            f"attention heads {attention_heads}: pooling {kind} has none; leave them out or pool by attention"
        )
    check_queries_of(kind, queries)
    return ClsPooling() if kind == "cls" else MeanPooling()


def check_queries_of(kind: str, queries: int) -> None:
    """Raise UsageError unless a pooling of this kind can have so many queries."""
    check_queries(queries)
    if kind != "attention" and queries > 1:
        raise UsageError(f"queries {queries}: pooling {kind} has none; leave them out or pool by attention")


def default_pooling(spec: FeatureSpec) -> str:
    """What suits the stored positions: attention over tokens, else the one vector there is."""
    return "attention" if spec.positions == "tokens" else spec.positions


def check_pooling(kind: str, spec: FeatureSpec) -> None:
    """Raise UsageError unless features of this spec can be pooled this way."""
    if kind not in POOLINGS:
        raise UsageError(f"pooling {kind!r}: expected one of {', '.join(POOLINGS)}")
    if spec.positions not in ("tokens", kind):
        raise UsageError(
            f"pooling {kind}: the store holds one vector a document (positions {spec.positions}); "
            f"use pooling {spec.positions}, or encode with positions tokens"
        )
    if kind == "cls" and not spec.text.special_tokens:
        raise UsageError("pooling cls: the store holds no special tokens; use pooling attention or mean")
