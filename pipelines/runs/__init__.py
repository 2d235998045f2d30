"""One run of a job: its runner, its folder, and sums over its outcomes."""

from encore.pipelines.runs.memory import give_back_freed_memory
from encore.pipelines.runs.run_folder import RunFolder
from encore.pipelines.runs.runner import RunnerChoice, available_cores, run_to_end
from encore.pipelines.runs.totals import LOST, DeadLetterSummary, Totals

__all__ = [
    "LOST",
    "DeadLetterSummary",
    "RunFolder",
    "RunnerChoice",
    "Totals",
    "available_cores",
    "give_back_freed_memory",
    "run_to_end",
]
