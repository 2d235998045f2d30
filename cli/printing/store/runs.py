"""What `encore runs` prints."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from encore.cli.printing.tables import print_table
from encore.featurestore.common import counted, human_bytes
from encore.pipelines.runs import RunSummary


def print_runs(uri: str, runs: Sequence[RunSummary]) -> None:
    """Print a table of runs, and one of the workers of those that are at work."""
    rows = [
        (
            run.run,
            run.job or "–",
            _state(run),
            counted(run.units, "unit"),
            counted(len(run.workers), "worker") if run.report is None else "–",
            f"{timedelta(seconds=round(run.seconds))}" + ("" if run.report else " ago"),
        )
        for run in runs
    ]
    columns = ["run", "job", "state", "finished", "alive", "took, or last sign"]
    print_table(uri, columns, rows, many_columns=True)
    workers = [
        (
            name,
            run.run,
            ", ".join(sorted(beat.get("units", {}), key=lambda unit: (len(unit), unit))) or "–",
            human_bytes(beat.get("memory", 0)),
        )
        for run in runs
        for name, beat in run.workers.items()
    ]
    if workers:
        print_table("workers", ["worker", "run", "units", "memory"], workers, many_columns=True)


def _state(run: RunSummary) -> str:
    if run.report is None:
        return run.state
    return f"{run.state}, exit code {run.report[1].get('exit_code')}"
