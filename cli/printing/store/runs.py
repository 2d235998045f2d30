"""What `encore runs` prints."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from encore.cli.printing.tables import print_table
from encore.featurestore.common import human_bytes
from encore.pipelines.runs import RunSummary


def print_runs(uri: str, runs: Sequence[RunSummary]) -> None:
    """Print a table of runs, and one of the workers of those that are at work.

    The time is what a run took; of one without a report, how long ago it wrote something.
    """
    rows = [
        (
            run.run,
            run.job or "–",
            _state(run),
            f"{run.units:,}",
            len(run.workers) if run.report is None else "–",
            f"{timedelta(seconds=round(run.seconds))}" + ("" if run.report else " ago"),
        )
        for run in runs
    ]
    columns = ["run", "job", "state", "units", "workers", "took"]
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
    return f"exit code {run.report[1].get('exit_code')}"
