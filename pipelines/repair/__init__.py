"""Repair of a store: setting damage aside, and encoding the lost documents again from a corpus."""

from encore.pipelines.repair.job import RepairResult, repair
from encore.pipelines.repair.preview import RepairPreview, RepairRequest, preview_repair

__all__ = [
    "RepairPreview",
    "RepairRequest",
    "RepairResult",
    "preview_repair",
    "repair",
]
