"""What the picture shows of each point, and where the numbers of the front stand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from encore.experiments.tradeoff.report.wording import percent
from encore.experiments.tradeoff.run import TradeoffReport
from encore.experiments.tradeoff.summary import Point, front_numbers
from encore.featurestore.common import human_bytes
from encore.featurestore.quantizers import parse_quantizer

NUMBER_ROOM = (15, 12)
"""Pixels that a number of two digits takes, across and down."""

TOOLTIP = {
    "setting": "setting",
    "accuracy_text": "accuracy",
    "loss_text": "below the best",
    "bytes_text": "a document",
    "projected_text": "whole store",
    "note": "note",
}
"""Field of a mark → what the tooltip calls it."""

Mark = dict[str, Any]


def marks_of(report: TradeoffReport, panel: str) -> list[Mark]:
    """Every point of a panel."""
    points = [point for point in report.points if point.panel == panel]
    numbers = front_numbers(points)
    return [_mark(report, point, numbers.get(point.setting)) for point in points]


def _mark(report: TradeoffReport, point: Point, number: int | None) -> Mark:
    """One point: places in bytes and per cent, names, its number on the front, and texts."""
    low, high = point.accuracy_interval
    loss_low, loss_high = (100 * end for end in point.loss.interval)
    chosen = report.recommendation.chosen
    recommended = chosen is not None and point.setting == chosen.setting
    notes = ["recommended"] * recommended + [f"{number} of the front"] * (number is not None)
    return {
        "setting": point.setting.name,
        "number": number,
        "positions": point.setting.positions,
        "quantizer": point.setting.quantizer_name,
        "bytes": point.size.bytes_per_document,
        "accuracy": 100 * point.accuracy.mean,
        "low": 100 * low,
        "high": 100 * high,
        "recommended": recommended,
        "listed_text": f"{human_bytes(point.size.bytes_per_document)}, {percent(point.accuracy.mean)}",
        "accuracy_text": f"{percent(point.accuracy.mean)} (95 % interval {percent(low)} to {percent(high)})",
        "loss_text": f"{100 * point.loss.mean:.2f} points ({loss_low:.2f} to {loss_high:.2f})",
        "bytes_text": f"{human_bytes(point.size.bytes_per_document)}, {human_bytes(point.size.payload)} of it features",
        "projected_text": f"{human_bytes(report.projected_bytes(point))} for {report.documents:,} documents",
        "note": ", ".join(notes) or "not on the front",
    }


def quantizer_names(report: TradeoffReport) -> list[str]:
    """Names of the quantizers of the grid, the most bits first."""
    width = report.trials.source.spec.width
    names = {setting.quantizer_name: setting.quantizer for setting in report.grid}
    return sorted(names, key=lambda name: -parse_quantizer(names[name]).bytes_per_vector(width))


def numbered(
    marks: Sequence[Mark], x_domain: tuple[float, float], y_domain: tuple[float, float], size: tuple[int, int]
) -> list[Mark]:
    """The marks of the front, each with the place of its number in pixels: to the left (``away``) and up (``rise``).

    A number stands to the upper left of its mark, where the front has no other mark. If it would overlap other numbers
    there, it stands above them.

    Args:
        marks: of one panel.
        x_domain: ends of the horizontal axis, as log10 of bytes.
        y_domain: ends of the vertical axis, in per cent.
        size: pixels of the panel, across and down, where it is narrowest.
    """
    placed: list[tuple[float, float]] = []
    found = []
    for each in front_of(marks):
        away = 13 if each["recommended"] else 6
        across = (np.log10(each["bytes"]) - x_domain[0]) / (x_domain[1] - x_domain[0]) * size[0] - away
        down = plain = (y_domain[1] - each["accuracy"]) / (y_domain[1] - y_domain[0]) * size[1]
        near = [y for x, y in placed if abs(across - x) < NUMBER_ROOM[0]]
        while any(abs(down - y) < NUMBER_ROOM[1] for y in near):
            down -= 1
        placed.append((across, down))
        found.append(each | {"away": away, "rise": plain - down})
    return found


def front_of(marks: Sequence[Mark]) -> list[Mark]:
    """The marks of the front in the order of their numbers."""
    return sorted((each for each in marks if each["number"]), key=lambda each: each["number"])


def listed(marks: Sequence[Mark]) -> list[Mark]:
    """What the list below a panel names: the front, and the recommended mark where it is not on it."""
    return front_of(marks) + [each for each in marks if each["recommended"] and not each["number"]]


def log_ticks(domain: tuple[float, float]) -> list[float]:
    """1, 2 and 5 times the powers of ten within (log10 low, log10 high); the powers alone where that is many."""
    steps = (1, 2, 5) if domain[1] - domain[0] < 4 else (1,)
    every = [step * 10.0**power for power in range(int(domain[0]) - 1, int(domain[1]) + 2) for step in steps]
    return [value for value in every if domain[0] <= np.log10(value) <= domain[1]]
