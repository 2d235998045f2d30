"""How many heads and queries an attention has: numbers alone, which the cost model counts with."""

from __future__ import annotations

from encore.featurestore.errors import UsageError

HEAD_WIDTH = 64
"""Width of one attention head where the number of heads is not given: that of BERT and RoBERTa at any size."""

MAX_QUERIES = 64
"""Each query is d × d weights of the classifier and a vector of every document that is scored."""


def check_queries(queries: int) -> None:
    """Raise UsageError unless a head can have so many queries."""
    if not 1 <= queries <= MAX_QUERIES:
        raise UsageError(f"queries {queries}: expected 1 to {MAX_QUERIES}")


def default_heads(width: int) -> int:
    """``width`` / 64, at least 1; where that does not divide the width, the largest smaller number that does."""
    return next(heads for heads in range(max(1, width // HEAD_WIDTH), 0, -1) if width % heads == 0)
