"""What `encore tradeoff` prints."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from cli.output import error_console, print_json, print_pairs, print_table
from experiments.tradeoff.run import TradeoffReport
from experiments.tradeoff.summary import Point, overall
from experiments.tradeoff.tables import point_row, provenance
from experiments.tradeoff.wording import commands, human_bytes, recommendation_text

LOG_SECONDS = 10.0
"""Pause between two lines where there is no terminal."""


class TradeoffProgress:
    """A live bar on standard error, or a line now and then where it is no terminal."""

    def __init__(self) -> None:
        self._console = error_console()
        self._bar = Progress(
            TextColumn("[bold]{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        self._tasks = {}  # type: ignore[var-annotated]
        self._said = ("", 0, 0.0)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def show(self, what: str, done: int, total: int) -> None:
        """So much of it is finished."""
        if self._console.is_terminal:
            if what not in self._tasks:
                self._tasks[what] = self._bar.add_task(what, total=total)
            self._bar.update(self._tasks[what], completed=done)
            return
        said, there, at = self._said
        if said != what or (done != there and (done == total or time.monotonic() - at > LOG_SECONDS)):
            self._said = (what, done, time.monotonic())
            self._console.print(f"{what}: {done:,} of {total:,}", markup=False)


def print_tradeoff(report: TradeoffReport, files: Sequence[Path], *, as_json: bool) -> None:
    """The front and the recommendation, or everything as JSON."""
    chosen = report.recommendation.chosen
    if as_json:
        print_json(
            {
                **provenance(report),
                "recommendation": None if chosen is None else point_row(report, chosen),
                "nearest": [point_row(report, point) for point in report.recommendation.nearest],
                "sentence": recommendation_text(report),
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
    left_out = [] if report.left_out is None else [("left out", report.left_out)]
    remarks = [(task.name, task.not_stored) for task in report.tasks if task.not_stored]
    print_pairs(
        [
            ("recommended", recommendation_text(report)),
            *(("commands" if number == 0 else "", line) for number, line in enumerate(commands(report))),
            *left_out,
            *((name, f"{count:,} labelled documents are not stored") for name, count in remarks),
            ("heads", f"{report.measured:,} trained now, the others were there; {report.seconds:.0f} s"),
            *(("files" if number == 0 else "", path) for number, path in enumerate(files)),
        ]
    )


def _row(report: TradeoffReport, point: Point) -> tuple[str, ...]:
    chosen = report.recommendation.chosen
    return (
        f"{point.setting.name}{' ←' if chosen is not None and point.setting == chosen.setting else ''}",
        human_bytes(point.size.bytes_per_document),
        human_bytes(report.projected_bytes(point)),
        f"{100 * point.accuracy.mean:.1f} ± {100 * point.accuracy.half_width:.1f}",
        f"{100 * point.loss.mean:.2f} ± {100 * point.loss.half_width:.2f}",
    )
