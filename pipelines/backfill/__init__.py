"""The backfill job: every head over every stored document."""

from encore.pipelines.backfill.device import scoring_on
from encore.pipelines.backfill.job import BackfillRequest, backfill
from encore.pipelines.backfill.score_stage import BLOCK_BYTES

__all__ = [
    "BLOCK_BYTES",
    "BackfillRequest",
    "backfill",
    "scoring_on",
]
