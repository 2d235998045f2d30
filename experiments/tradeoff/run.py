"""The trade-off run: measure every missing cell, then summarise all cells."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version

import numpy as np

from encore.experiments.tradeoff.measurement import (
    DocumentSizes,
    StorageSetting,
    TaskLabels,
    TrialBatch,
    Trials,
    batches_of,
    build_grid,
    head_key,
    left_out,
    read_tasks,
    right_of,
    run_in_processes,
)
from encore.experiments.tradeoff.request import TradeoffRequest
from encore.experiments.tradeoff.summary import Point, Recommendation, SettingSize, overall, recommend, summarise
from encore.featurestore import Catalogue, UsageError
from encore.heads import TrainSettings

GridProgress = Callable[[str, int, int], None]
"""Told what is being done, how much of it is finished and how much there is."""

PACKAGES = ("encore-featurestore", "numpy", "torch")


@dataclass(frozen=True, eq=False)
class TradeoffReport:
    """What a run found.

    Attributes:
        request: what was asked for.
        trials: the store and the cells.
        tasks: with their documents.
        grid: settings that were measured.
        sizes: lengths and index of the store's documents.
        points: every setting in every panel.
        recommendation: over all tasks.
        documents: that the store's size is projected for.
        measured: heads trained by this run; the others were there.
        seconds: that this run took.
        finished_at: UTC, ISO 8601.
    """

    request: TradeoffRequest
    trials: Trials
    tasks: tuple[TaskLabels, ...]
    grid: tuple[StorageSetting, ...]
    sizes: DocumentSizes
    points: tuple[Point, ...]
    recommendation: Recommendation
    documents: int
    measured: int
    seconds: float
    finished_at: str

    @property
    def left_out(self) -> str | None:
        """Which positions were not measured although none were asked for, and why; None where all were measured."""
        return left_out(self.trials.source.spec, self.request.positions)

    @property
    def versions(self) -> dict[str, str]:
        """Package → version."""
        return {name: version(name) for name in PACKAGES}

    def poolings(self, task: TaskLabels) -> dict[str, str]:
        """Stored positions → pooling of the task's heads. Pairs are pooled text by text where both texts are known."""
        found = {}
        for setting in self.grid:
            result = self.trials.heads.get(head_key(task, setting, 0))
            if result is not None:
                found[setting.positions] = str(result["pooling"])
        return found

    @property
    def still_rising(self) -> tuple[int, int]:
        """The number of heads whose dev accuracy still rose when their training ended, and the number of all heads."""
        cells = [
            self.trials.heads.get(head_key(task, setting, seed))
            for task in self.tasks
            for setting in self.grid
            for seed in range(self.request.seeds)
        ]
        return sum(cell["still_rising"] for cell in cells if cell is not None), len(cells)

    def projected_bytes(self, point: Point) -> float:
        """Bytes of a store of `documents` documents."""
        return point.size.bytes_per_document * self.documents


def run_tradeoff(request: TradeoffRequest, progress: GridProgress) -> TradeoffReport:
    """Measure every cell that is not there yet, and summarise all.

    Raises:
        UsageError: a grid that the store does not hold, or a folder of other results; before any work.
        DataError: labels that no head can be trained or measured on; before any work.
    """
    started = time.monotonic()
    store = Catalogue.open(request.store, request.snapshot)
    if not len(store):
        raise UsageError(f"{store.uri}: snapshot {store.version} holds no documents; encode some first")
    grid = build_grid(store.spec, request.layers, request.positions, request.quantizers)
    trials = _trials(request, store)
    for setting in grid:
        trials.train_settings(setting, 0)
    tasks = read_tasks(request.labels, store, request.id_column, request.label_column, request.text)
    sizes = DocumentSizes.measure(store)
    _ = trials.heads, trials.calibrations
    _calibrate(trials, grid, request.workers, progress)
    measured = _measure(trials, list(batches_of(tasks, grid, request.seeds)), request.workers, progress)
    points = summarise(
        {task.name: {setting: _right(trials, task, setting, request.seeds) for setting in grid} for task in tasks},
        {setting: _size(trials, setting, sizes) for setting in grid},
    )
    return TradeoffReport(
        request=request,
        trials=trials,
        tasks=tasks,
        grid=grid,
        sizes=sizes,
        points=points,
        recommendation=recommend(overall(points), request.max_loss, request.max_bytes),
        documents=request.documents or sizes.documents,
        measured=measured,
        seconds=time.monotonic() - started,
        finished_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _trials(request: TradeoffRequest, store: Catalogue) -> Trials:
    training = asdict(TrainSettings(queries=request.queries, epochs=request.epochs))
    settings = {
        "format": "encore-tradeoff",
        "store_id": store.store_id,
        "snapshot": store.version,
        "fingerprint": store.spec.fingerprint,
        "training": {name: value for name, value in training.items() if name != "seeds"},
    }
    return Trials(request.store, store.version, request.out / "cells", settings, request.queries, request.epochs)


def _calibrate(trials: Trials, grid: tuple[StorageSetting, ...], workers: int, progress: GridProgress) -> None:
    wanted = [setting for setting in grid if trials.spec_of(setting) is None]

    def watch() -> None:
        progress("calibrating", sum(trials.spec_of(setting) is not None for setting in wanted), len(wanted))

    if wanted:
        watch()
        run_in_processes(
            trials.calibrate, [wanted[start::workers] for start in range(min(workers, len(wanted)))], workers, watch
        )


def _measure(trials: Trials, batches: list[TrialBatch], workers: int, progress: GridProgress) -> int:
    """Train the missing heads. Return their number."""
    keys = [
        head_key(batch.task, setting, seed) for batch in batches for setting in batch.settings for seed in batch.seeds
    ]
    missing = [key for key in keys if trials.heads.get(key) is None]

    def watch() -> None:
        left = sum(trials.heads.get(key) is None for key in missing)
        progress("training heads", len(keys) - left, len(keys))

    if missing:
        watch()
        pending = [batch for batch in map(trials.missing, batches) if batch.settings]
        run_in_processes(trials.measure, pending, workers, watch)
    return len(missing)


def _right(
    trials: Trials, task: TaskLabels, setting: StorageSetting, seeds: int
) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    found = [trials.heads.get(head_key(task, setting, seed)) for seed in range(seeds)]
    return np.stack([right_of(result) for result in found if result is not None])


def _size(trials: Trials, setting: StorageSetting, sizes: DocumentSizes) -> SettingSize:
    spec = trials.spec_of(setting)
    if spec is None:
        raise ValueError(f"{setting.name} has not been calibrated")
    return SettingSize(spec.fingerprint, spec.row_bytes, sizes.payload(spec), sizes.bytes_per_document(spec))
