"""One run of a job over work units: its runner, its folder, its graph, and its report."""

from encore.pipelines.runs.heartbeat import Heartbeat, SignsOfLife
from encore.pipelines.runs.job_run import JobRun, seconds_by_stage, sums
from encore.pipelines.runs.memory import give_back_freed_memory
from encore.pipelines.runs.metrics import to_prometheus
from encore.pipelines.runs.report import JobReport
from encore.pipelines.runs.run_folder import RunFolder
from encore.pipelines.runs.run_list import RunSummary, list_runs
from encore.pipelines.runs.runner import GIVE_UP_AFTER, RunnerChoice, available_cores, run_to_end

__all__ = [
    "GIVE_UP_AFTER",
    "Heartbeat",
    "JobReport",
    "JobRun",
    "RunFolder",
    "RunSummary",
    "RunnerChoice",
    "SignsOfLife",
    "available_cores",
    "give_back_freed_memory",
    "list_runs",
    "run_to_end",
    "seconds_by_stage",
    "sums",
    "to_prometheus",
]
