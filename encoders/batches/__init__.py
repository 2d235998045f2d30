"""Tokens of many documents, cut into batches by a budget of padded tokens. A failure costs only one document."""

from encore.encoders.batches.budget import (
    EQUAL_LENGTHS,
    NO_PADDING,
    Padding,
    default_budget,
    longest_first,
    split_by_budget,
)
from encore.encoders.batches.isolation import REASON_LENGTH, BatchResult, DocumentFailure, run_batches
from encore.encoders.batches.tokens import TokenBlock

__all__ = [
    "EQUAL_LENGTHS",
    "NO_PADDING",
    "REASON_LENGTH",
    "BatchResult",
    "DocumentFailure",
    "Padding",
    "TokenBlock",
    "default_budget",
    "longest_first",
    "run_batches",
    "split_by_budget",
]
