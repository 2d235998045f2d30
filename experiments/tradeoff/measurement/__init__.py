"""Settings to measure, their sizes, and heads trained once, over a few processes."""

from encore.experiments.tradeoff.measurement.grid import Setting, build_grid, left_out
from encore.experiments.tradeoff.measurement.labels import LabelFiles, LabelledTask, read_tasks
from encore.experiments.tradeoff.measurement.processes import run_units
from encore.experiments.tradeoff.measurement.sizes import DocumentSizes
from encore.experiments.tradeoff.measurement.trials import Bench, HeadUnit, head_key, right_of, units_of

__all__ = [
    "Bench",
    "DocumentSizes",
    "HeadUnit",
    "LabelFiles",
    "LabelledTask",
    "Setting",
    "build_grid",
    "head_key",
    "left_out",
    "read_tasks",
    "right_of",
    "run_units",
    "units_of",
]
