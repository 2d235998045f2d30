"""Points of a report, made up for tests."""

from __future__ import annotations

from collections.abc import Sequence

from encore.experiments.bench import Estimate
from encore.experiments.tradeoff.measurement.grid import StorageSetting
from encore.experiments.tradeoff.summary.points import Point, SettingSize


def made_up(places: Sequence[tuple[float, float]], spread: float = 0.01) -> list[Point]:
    """One point for each (bytes, accuracy); losses are against the highest accuracy."""
    best = max(accuracy for _, accuracy in places)
    return [
        Point(
            panel="task",
            setting=StorageSetting("last", "tokens", f"q{number}"),
            size=SettingSize("f", 1, size, size),
            accuracy=Estimate(accuracy, spread**2, 100.0),
            loss=Estimate(best - accuracy, spread**2, 100.0),
            on_front=False,
        )
        for number, (size, accuracy) in enumerate(places)
    ]
