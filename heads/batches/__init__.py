"""Documents as padded batches of floats: which go together, and how they are decoded."""

from encore.heads.batches.batch import DecodedBatch
from encore.heads.batches.decoding_table import DecodingTable
from encore.heads.batches.examples import Codes, Examples
from encore.heads.batches.sampler import (
    BATCH_FLOATS,
    budget_batches,
    check_block,
    pad,
    rows_of_budget,
    training_batches,
)

__all__ = [
    "BATCH_FLOATS",
    "Codes",
    "DecodedBatch",
    "DecodingTable",
    "Examples",
    "budget_batches",
    "check_block",
    "pad",
    "rows_of_budget",
    "training_batches",
]
