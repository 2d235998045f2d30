"""How many heads and queries an attention has. This module needs no torch, so that the cost model can use it."""

from __future__ import annotations

from encore.featurestore.errors import UsageError

HEAD_WIDTH = 64
"""Width of one attention head where the number of heads is not given: as in BERT and RoBERTa of every size."""

MAX_QUERIES = 64
"""Most queries of a head. Each query adds d × d weights to the classifier and one vector to every scored document."""


def check_queries(queries: int) -> None:
    """Raise UsageError unless a head can have this many queries."""
    if not 1 <= queries <= MAX_QUERIES:
        raise UsageError(f"queries {queries}: expected 1 to {MAX_QUERIES}")


def default_heads(width: int) -> int:
    """Number of attention heads: the largest number up to ``width`` / 64 that divides ``width``, and at least 1."""
    return next(heads for heads in range(max(1, width // HEAD_WIDTH), 0, -1) if width % heads == 0)
