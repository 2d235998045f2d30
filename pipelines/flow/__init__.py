"""The elements that flow through the graphs of jobs, one work unit at a time, and lookahead over them."""

from encore.pipelines.flow.failure import LOST, Failure
from encore.pipelines.flow.interruption import Interruption
from encore.pipelines.flow.lookahead import look_ahead, read_ahead
from encore.pipelines.flow.refresh import StoredColumns, refresh_of_segment
from encore.pipelines.flow.segment_blocks import AHEAD_SEGMENTS, BLOCK_BYTES, blocks_of_segment, segments_ahead
from encore.pipelines.flow.unit_states import (
    FailedUnit,
    PlannedUnit,
    SettledUnit,
    Supersession,
    UnitDocuments,
    UnitFeatures,
    UnitOutcome,
)

__all__ = [
    "AHEAD_SEGMENTS",
    "BLOCK_BYTES",
    "LOST",
    "FailedUnit",
    "Failure",
    "Interruption",
    "PlannedUnit",
    "SettledUnit",
    "StoredColumns",
    "Supersession",
    "UnitDocuments",
    "UnitFeatures",
    "UnitOutcome",
    "blocks_of_segment",
    "look_ahead",
    "read_ahead",
    "refresh_of_segment",
    "segments_ahead",
]
