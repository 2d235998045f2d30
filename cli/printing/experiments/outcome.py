"""What the experiments print."""

from __future__ import annotations

import sys
from datetime import datetime
from typing import TYPE_CHECKING

from encore.cli.printing.tables import print_json, print_line, print_table, remark
from encore.experiments.paper import MISSING, Difference
from encore.featurestore.common import counted

if TYPE_CHECKING:
    from encore.experiments.paper import Outcome, ResultRow


def progress_line(text: str) -> None:
    """Print a line on standard error. These runs are long, so a terminal gets the time of day. A log has dates."""
    remark(f"{datetime.now():%H:%M:%S} {text}" if sys.stderr.isatty() else text)


def print_outcome(outcome: Outcome, *, as_json: bool) -> None:
    """Print the rows of the paper's Table 3, and the paths of the files."""
    if as_json:
        print_json({name: _row_document(row) for name, row in outcome.rows.items()})
        return
    groups = outcome.registry.groups
    seeds = max((len(row.seeds) for row in outcome.rows.values()), default=0)
    print_table(
        f"{outcome.name}: accuracy in %, mean over tasks and {counted(seeds, 'seed')}",
        ("setting", "bytes", *groups, "mean", "±"),
        [
            (
                name,
                MISSING if row.bytes_per_document is None else f"{row.bytes_per_document:,.0f}",
                *(_percent(row.groups.get(group)) for group in groups),
                _percent(row.average),
                MISSING if row.over_seeds is None else f"{100 * row.over_seeds:.2f}",
            )
            for name, row in outcome.rows.items()
        ],
        many_columns=True,
    )
    print_line("bytes: of a document's features; ±: half the 95 % interval over seeds")
    if outcome.paired is not None and outcome.paired in outcome.rows:
        _print_differences(outcome, outcome.paired)
    print_line(f"cells: {outcome.parquet}")
    print_line(f"tables: {outcome.report}")


def _print_differences(outcome: Outcome, paired: str) -> None:
    differences = {name: Difference.of(row, outcome.rows[paired]) for name, row in outcome.rows.items()}
    print_table(
        f"points against {paired}, paired by task and seed",
        ("setting", "points", "± seeds", "± tasks"),
        [
            (name, f"{found.mean:+.2f}", _half(found.over_seeds), _half(found.over_tasks))
            for name, found in differences.items()
            if found is not None and name != paired
        ],
    )


def _row_document(row: ResultRow) -> dict[str, object]:
    return {
        "title": row.title,
        "tasks": dict(row.tasks),
        "groups": dict(row.groups),
        "average": row.average,
        "interval_over_seeds": row.over_seeds,
        "interval_over_documents": row.over_documents,
        "bytes_per_document": row.bytes_per_document,
        "seeds": list(row.seeds),
    }


def _percent(share: float | None) -> str:
    return MISSING if share is None else f"{100 * share:.1f}"


def _half(width: float | None) -> str:
    return MISSING if width is None else f"{width:.2f}"
