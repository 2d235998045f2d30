"""A store made whole, and what it lost brought back out of a corpus."""

from encore.pipelines.repair.job import RepairResult, repair
from encore.pipelines.repair.preview import RepairPreview, RepairRequest, preview_repair

__all__ = [
    "RepairPreview",
    "RepairRequest",
    "RepairResult",
    "preview_repair",
    "repair",
]
