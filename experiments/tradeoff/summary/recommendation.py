"""Which setting to run under a budget of bytes, of accuracy, or of both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from encore.experiments.tradeoff.summary.points import Point

DEFAULT_MAX_LOSS = 0.5
"""Points of accuracy that may be lost where no budget is given."""

SUM_ROUNDING = 1e-9
"""Shares of accuracy that count as equal: sums of floats in another order differ by less."""


@dataclass(frozen=True)
class Recommendation:
    """The setting to run.

    The rule compares means. Over a few hundred dev documents, intervals of losses are wider than any sensible budget. A
    rule that used their upper ends would always choose the most accurate setting. The interval is reported.

    Attributes:
        chosen: the setting that satisfies the budgets; None where none does.
        nearest: where none does: the settings that come closest, as `recommend` says; else empty.
        best: the most accurate setting, which losses are measured against.
        max_loss: points that may be lost; None for no such budget.
        max_bytes: bytes a document may take; None for no such budget.
    """

    chosen: Point | None
    nearest: tuple[Point, ...]
    best: Point
    max_loss: float | None
    max_bytes: float | None

    @property
    def loss_is_certain(self) -> bool:
        """Whether even the upper end of the chosen setting's loss interval is within the budget."""
        return (
            self.chosen is not None
            and self.max_loss is not None
            and self.chosen.loss.interval[1] * 100 <= self.max_loss + SUM_ROUNDING
        )


def recommend(points: Sequence[Point], max_loss: float | None = None, max_bytes: float | None = None) -> Recommendation:
    """The setting to run, of those of one panel.

    - With a budget of loss: the smallest setting whose mean loss is within it; `DEFAULT_MAX_LOSS` without any budget.
    - With a budget of bytes alone: the most accurate setting within it.
    - With both: the smallest setting within both.

    Of equal settings the smaller or the more accurate one is chosen. Where no setting satisfies the budgets, there are
    one or two nearest ones: the smallest setting within the loss, if a loss was asked for and any setting is within it;
    and the most accurate setting within the bytes, or the smallest of all.

    Args:
        points: at least one; all of the same panel.
        max_loss: points of accuracy.
        max_bytes: bytes a document.
    """
    if max_loss is None and max_bytes is None:
        max_loss = DEFAULT_MAX_LOSS
    best = max(points, key=lambda point: (point.accuracy.mean, -point.size.bytes_per_document))
    small = [point for point in points if max_bytes is None or point.size.bytes_per_document <= max_bytes]
    good = [point for point in points if max_loss is None or point.loss.mean * 100 <= max_loss + SUM_ROUNDING]
    both = [point for point in small if point in good]
    if both:
        chosen = _most_accurate(both) if max_loss is None else _smallest(both)
        return Recommendation(chosen, (), best, max_loss, max_bytes)
    nearest = [] if max_loss is None or not good else [_smallest(good)]
    nearest.append(_most_accurate(small) if small else _smallest(points))
    return Recommendation(None, tuple(dict.fromkeys(nearest)), best, max_loss, max_bytes)


def _smallest(points: Sequence[Point]) -> Point:
    return min(points, key=lambda point: (point.size.bytes_per_document, -point.accuracy.mean))


def _most_accurate(points: Sequence[Point]) -> Point:
    return max(points, key=lambda point: (point.accuracy.mean, -point.size.bytes_per_document))
