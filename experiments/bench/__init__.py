"""The shared base of experiments: tasks and their data, results that are computed once, intervals, feature settings."""

from encore.experiments.bench.cells import CellStore
from encore.experiments.bench.intervals import Estimate, half_width, sampling_half_width
from encore.experiments.bench.remarks import Say
from encore.experiments.bench.settings import (
    FLOAT,
    FeatureSetting,
    layer_average,
    pooling_settings,
    quantized,
    quantized_before,
    recommended,
    richest,
)
from encore.experiments.bench.task_bench import TaskBench, TaskExamples, calibrated
from encore.experiments.bench.task_data import TaskData, TaskPart, read_task
from encore.experiments.bench.task_registry import TaskRegistry, load_tasks

__all__ = [
    "FLOAT",
    "CellStore",
    "Estimate",
    "FeatureSetting",
    "Say",
    "TaskBench",
    "TaskData",
    "TaskExamples",
    "TaskPart",
    "TaskRegistry",
    "calibrated",
    "half_width",
    "layer_average",
    "load_tasks",
    "pooling_settings",
    "quantized",
    "quantized_before",
    "read_task",
    "recommended",
    "richest",
    "sampling_half_width",
]
