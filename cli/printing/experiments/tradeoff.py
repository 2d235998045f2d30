"""What `encore tradeoff` prints."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from encore.cli.printing.tables import print_json, print_next, print_pairs, print_table
from encore.experiments.tradeoff.report import (
    commands,
    point_row,
    provenance,
    recommendation_text,
    rising_text,
)
from encore.experiments.tradeoff.summary import overall
from encore.featurestore.common import counted, human_bytes

if TYPE_CHECKING:
    from encore.experiments.tradeoff.run import TradeoffReport
    from encore.experiments.tradeoff.summary import Point


def print_tradeoff(report: TradeoffReport, files: Sequence[Path], *, as_json: bool) -> None:
    """Print the front and the recommendation, or everything as JSON."""
    chosen = report.recommendation.chosen
    if as_json:
        print_json(
            {
                **provenance(report),
                "recommendation": None if chosen is None else point_row(report, chosen),
                "nearest": [point_row(report, point) for point in report.recommendation.nearest],
                "sentence": recommendation_text(report),
                "still_rising": rising_text(report),
                "commands": list(commands(report)),
                "settings": [point_row(report, point) for point in report.points],
                "files": [str(path) for path in files],
            }
        )
        return
    points = overall(report.points)
    shown = [point for point in points if point.on_front or point == chosen]
    over = f"mean of {len(report.tasks)} tasks" if len(report.tasks) > 1 else report.tasks[0].name
    print_table(
        f"The front: what no other of {len(points)} settings beats in bytes and accuracy alike ({over})",
        ["setting", "a document", f"{report.documents:,}", "accuracy, %", "loss, points"],
        [_row(report, point) for point in sorted(shown, key=lambda point: point.size.bytes_per_document)],
    )
    warning = rising_text(report)
    left_out = [] if report.left_out is None else [("left out", report.left_out)]
    remarks = [(task.name, task.not_stored) for task in report.tasks if task.not_stored]
    print_pairs(
        [
            ("recommended", recommendation_text(report)),
            *left_out,
            *((name, f"{counted(count, 'labelled document')} not stored") for name, count in remarks),
            *([] if warning is None else [("training", warning)]),
            ("heads", f"{report.measured:,} trained by this run; {report.seconds:.0f} s"),
            *(("files" if number == 0 else "", path) for number, path in enumerate(files)),
        ]
    )
    print_next(commands(report))


def _row(report: TradeoffReport, point: Point) -> tuple[str, ...]:
    chosen = report.recommendation.chosen
    return (
        f"{point.setting.name}{' ←' if chosen is not None and point.setting == chosen.setting else ''}",
        human_bytes(point.size.bytes_per_document),
        human_bytes(report.projected_bytes(point)),
        f"{100 * point.accuracy.mean:.1f} ± {100 * point.accuracy.half_width:.1f}",
        f"{100 * point.loss.mean:.2f} ± {100 * point.loss.half_width:.2f}",
    )
