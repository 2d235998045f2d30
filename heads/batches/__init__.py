"""Documents as padded batches of floats: which go together, and how they are decoded."""

from encore.heads.batches.batch import Batch
from encore.heads.batches.decoding import check_block, decode, decode_on
from encore.heads.batches.decoding_table import DecodingTable
from encore.heads.batches.placement import Placement
from encore.heads.batches.sampler import BATCH_FLOATS, budget_batches, rows_of_budget, training_batches

__all__ = [
    "BATCH_FLOATS",
    "Batch",
    "DecodingTable",
    "Placement",
    "budget_batches",
    "check_block",
    "decode",
    "decode_on",
    "rows_of_budget",
    "training_batches",
]
