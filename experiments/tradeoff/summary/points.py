"""Cells to figures: accuracy and loss of every setting, for each task and over all of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from encore.experiments.bench import Estimate
from encore.experiments.tradeoff.measurement import StorageSetting
from encore.heads.metrics import Interval

MEAN = "mean of tasks"
"""Name of the panel over all tasks."""


@dataclass(frozen=True)
class SettingSize:
    """What a setting costs.

    Attributes:
        fingerprint: of the features.
        row_bytes: exact bytes of a stored row.
        payload: mean bytes of a document's features.
        bytes_per_document: the same with the document index.
    """

    fingerprint: str
    row_bytes: int
    payload: float
    bytes_per_document: float


@dataclass(frozen=True)
class Point:
    """One setting in one panel.

    Attributes:
        panel: a task, or `MEAN`.
        setting: how features are stored.
        size: what it costs.
        accuracy: share of dev documents that are predicted right.
        loss: share by which the panel's most accurate setting is better, on the same documents and seeds.
        on_front: whether the panel has no other setting that is at least as small and as accurate, and better in one.
    """

    panel: str
    setting: StorageSetting
    size: SettingSize
    accuracy: Estimate
    loss: Estimate
    on_front: bool

    @property
    def accuracy_interval(self) -> Interval:
        """95 % interval of the accuracy, within 0 and 1."""
        low, high = self.accuracy.interval
        return max(0.0, low), min(1.0, high)


Correctness = npt.NDArray[np.bool_]
"""(seeds, dev documents) which documents were predicted right."""


def summarise(
    right: Mapping[str, Mapping[StorageSetting, Correctness]], sizes: Mapping[StorageSetting, SettingSize]
) -> tuple[Point, ...]:
    """Every setting in every panel; the panel over all tasks comes last, where there are several.

    Args:
        right: task → setting → what was predicted right.
        sizes: setting → what it costs.
    """
    settings = list(sizes)
    accuracies = {
        task: {setting: Estimate.of_accuracy(found[setting]) for setting in settings} for task, found in right.items()
    }
    points: list[Point] = []
    for task, found in right.items():
        best = _best(accuracies[task], sizes)
        losses = {setting: _loss(found[best], found[setting]) for setting in settings}
        points += _panel(task, sizes, accuracies[task], losses)
    if len(right) > 1:
        means = {setting: Estimate.average([accuracies[task][setting] for task in right]) for setting in settings}
        best = _best(means, sizes)
        losses = {
            setting: Estimate.average([_loss(found[best], found[setting]) for found in right.values()])
            for setting in settings
        }
        points += _panel(MEAN, sizes, means, losses)
    return tuple(points)


def on_front(sizes: npt.NDArray[np.float64], accuracies: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """(n,) bool: whether no other setting is at most as large and at least as accurate, and better in one of the two.

    Args:
        sizes: (n,) bytes.
        accuracies: (n,) higher is better.
    """
    order = np.lexsort((-accuracies, sizes))
    ranked_sizes, ranked = sizes[order], accuracies[order]
    first_of_size = np.searchsorted(ranked_sizes, ranked_sizes, side="left")
    best_below = np.concatenate([[-np.inf], np.maximum.accumulate(ranked)])[first_of_size]
    kept = np.empty(len(order), np.bool_)
    kept[order] = (ranked > best_below) & (ranked == ranked[first_of_size])
    return kept


def overall(points: Sequence[Point]) -> tuple[Point, ...]:
    """The points of the last panel: over all tasks, or of the only one."""
    return tuple(point for point in points if point.panel == points[-1].panel)


def front_numbers(points: Iterable[Point]) -> dict[StorageSetting, int]:
    """Setting → its number on the front of a panel, from 1; the smallest first.

    Args:
        points: of one panel.
    """
    front = sorted((point for point in points if point.on_front), key=lambda point: point.size.bytes_per_document)
    return {point.setting: number for number, point in enumerate(front, 1)}


def _best(accuracies: Mapping[StorageSetting, Estimate], sizes: Mapping[StorageSetting, SettingSize]) -> StorageSetting:
    """The most accurate setting; of equals, the smallest."""
    return max(accuracies, key=lambda setting: (accuracies[setting].mean, -sizes[setting].bytes_per_document))


def _loss(best: Correctness, other: Correctness) -> Estimate:
    return Estimate.of(best.astype(np.float64) - other.astype(np.float64))


def _panel(
    name: str,
    sizes: Mapping[StorageSetting, SettingSize],
    accuracies: Mapping[StorageSetting, Estimate],
    losses: Mapping[StorageSetting, Estimate],
) -> list[Point]:
    front = on_front(
        np.array([size.bytes_per_document for size in sizes.values()]),
        np.array([accuracies[setting].mean for setting in sizes]),
    )
    return [
        Point(name, setting, size, accuracies[setting], losses[setting], bool(kept))
        for (setting, size), kept in zip(sizes.items(), front, strict=True)
    ]
