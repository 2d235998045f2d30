"""Settings to measure, their sizes, and heads trained once, over a few processes."""

from encore.experiments.tradeoff.measurement.grid import StorageSetting, build_grid, left_out
from encore.experiments.tradeoff.measurement.labels import LabelFiles, TaskLabels, read_tasks
from encore.experiments.tradeoff.measurement.processes import run_in_processes
from encore.experiments.tradeoff.measurement.sizes import DocumentSizes
from encore.experiments.tradeoff.measurement.trials import TrialBatch, Trials, batches_of, head_key, right_of

__all__ = [
    "DocumentSizes",
    "LabelFiles",
    "StorageSetting",
    "TaskLabels",
    "TrialBatch",
    "Trials",
    "batches_of",
    "build_grid",
    "head_key",
    "left_out",
    "read_tasks",
    "right_of",
    "run_in_processes",
]
