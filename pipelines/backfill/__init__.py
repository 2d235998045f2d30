"""The backfill job: every head over every stored document."""

from encore.pipelines.backfill.groups import groups_of
from encore.pipelines.backfill.job import BackfillRequest, backfill

__all__ = [
    "BackfillRequest",
    "backfill",
    "groups_of",
]
