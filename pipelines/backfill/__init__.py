"""The backfill job: every head over every stored document."""

from encore.pipelines.backfill.device import scoring_on
from encore.pipelines.backfill.job import BackfillRequest, backfill, load_heads

__all__ = [
    "BackfillRequest",
    "backfill",
    "load_heads",
    "scoring_on",
]
