"""A store made whole, and what it lost brought back out of a corpus."""

from encore.pipelines.repair.job import RepairResult, repair
from encore.pipelines.repair.preview import RepairLook, RepairRequest, look

__all__ = [
    "RepairLook",
    "RepairRequest",
    "RepairResult",
    "look",
    "repair",
]
