"""What flows through the graphs of jobs, one work unit at a time, and how the next ones are read ahead."""

from encore.pipelines.flow.failure import LOST, Failure
from encore.pipelines.flow.lookahead import overlapped, read_ahead
from encore.pipelines.flow.refresh import StoredColumns, stale_in
from encore.pipelines.flow.unit_states import Superseded, UnitDocuments, UnitFeatures, UnitOutcome, UnitState

__all__ = [
    "LOST",
    "Failure",
    "StoredColumns",
    "Superseded",
    "UnitDocuments",
    "UnitFeatures",
    "UnitOutcome",
    "UnitState",
    "overlapped",
    "read_ahead",
    "stale_in",
]
