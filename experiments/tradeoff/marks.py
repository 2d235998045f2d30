"""What the picture shows of each point, and where labels fit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from experiments.tradeoff.run import TradeoffReport
from experiments.tradeoff.summary import Point
from experiments.tradeoff.wording import human_bytes, percent
from featurestore.quantizers import parse_quantizer

LABEL_ROOM = (64, 15)
"""Pixels that a label of the front takes, across and down."""

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


def mark(report: TradeoffReport, point: Point) -> Mark:
    """One point: places in bytes and per cent, names, and texts for the tooltip."""
    low, high = point.accuracy_interval
    loss_low, loss_high = (100 * end for end in point.loss.interval)
    chosen = report.recommendation.chosen
    recommended = chosen is not None and point.setting == chosen.setting
    notes = [text for text, holds in (("recommended", recommended), ("on the front", point.on_front)) if holds]
    return {
        "setting": point.setting.name,
        "layers": point.setting.layers,
        "positions": point.setting.positions,
        "quantizer": point.setting.quantizer_name,
        "bytes": point.size.bytes_per_document,
        "accuracy": 100 * point.accuracy.mean,
        "low": 100 * low,
        "high": 100 * high,
        "on_front": point.on_front,
        "recommended": recommended,
        "accuracy_text": f"{percent(point.accuracy.mean)} (95 % interval {percent(low)} to {percent(high)})",
        "loss_text": f"{100 * point.loss.mean:.2f} points ({loss_low:.2f} to {loss_high:.2f})",
        "bytes_text": f"{human_bytes(point.size.bytes_per_document)}, {human_bytes(point.size.payload)} of it features",
        "projected_text": f"{human_bytes(report.projected_bytes(point))} for {report.documents:,} documents",
        "note": ", ".join(notes) or "not on the front",
    }


def quantizer_names(report: TradeoffReport) -> list[str]:
    """Names of the quantizers of the grid, the most bits first."""
    width = report.bench.source.spec.width
    names = {setting.quantizer_name: setting.quantizer for setting in report.grid}
    return sorted(names, key=lambda name: -parse_quantizer(names[name]).bytes_per_vector(width))


def labelled(
    marks: Sequence[Mark], x_domain: tuple[float, float], y_domain: tuple[float, float], size: tuple[int, int]
) -> list[Mark]:
    """The marks of the front whose labels do not run into each other, the recommended and the most accurate first.

    A label names the layers, and stands to the upper left of its mark, where a mark of the front has no neighbour.
    Where all marks are of the same layers there is nothing to name.

    Args:
        marks: of one panel.
        x_domain: ends of the horizontal axis, as log10 of bytes.
        y_domain: ends of the vertical axis, in per cent.
        size: pixels of the panel, across and down.
    """
    if len({each["layers"] for each in marks}) == 1:
        return []
    placed: list[tuple[float, float]] = []
    kept = []
    front = (each for each in marks if each["on_front"])
    for each in sorted(front, key=lambda each: (not each["recommended"], -each["accuracy"])):
        across = (np.log10(each["bytes"]) - x_domain[0]) / (x_domain[1] - x_domain[0]) * size[0]
        down = (y_domain[1] - each["accuracy"]) / (y_domain[1] - y_domain[0]) * size[1]
        if all(abs(across - x) >= LABEL_ROOM[0] or abs(down - y) >= LABEL_ROOM[1] for x, y in placed):
            placed.append((across, down))
            kept.append(each)
    return kept


def log_ticks(domain: tuple[float, float]) -> list[float]:
    """1, 2 and 5 times the powers of ten within (log10 low, log10 high); the powers alone where that is many."""
    steps = (1, 2, 5) if domain[1] - domain[0] < 4 else (1,)
    every = [step * 10.0**power for power in range(int(domain[0]) - 1, int(domain[1]) + 2) for step in steps]
    return [value for value in every if domain[0] <= np.log10(value) <= domain[1]]
