"""One run of a job: its runner, its folder, sums over its outcomes, and its report."""

from encore.pipelines.runs.memory import give_back_freed_memory
from encore.pipelines.runs.report import JobReport, package_versions
from encore.pipelines.runs.run_folder import RunFolder
from encore.pipelines.runs.runner import RunnerChoice, available_cores, run_to_end
from encore.pipelines.runs.totals import DeadLetterSummary, Totals

__all__ = [
    "DeadLetterSummary",
    "JobReport",
    "RunFolder",
    "RunnerChoice",
    "Totals",
    "available_cores",
    "give_back_freed_memory",
    "package_versions",
    "run_to_end",
]
