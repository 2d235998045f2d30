"""Jobs that end in segments and one commit: what encode and derive have in common, and derive."""

from encore.pipelines.ingestion.derivation import DeriveRequest, derive
from encore.pipelines.ingestion.job import commit_units, write_units
from encore.pipelines.ingestion.stages import Snapshot, settle
from encore.pipelines.ingestion.store_spec import settle_spec, spec_without_calibration

__all__ = [
    "DeriveRequest",
    "Snapshot",
    "commit_units",
    "derive",
    "settle",
    "settle_spec",
    "spec_without_calibration",
    "write_units",
]
