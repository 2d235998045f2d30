"""The measurements of a trade-off: calibrations of settings, and heads, one for each task, setting and seed."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from encore.experiments.bench import CellStore, TaskBench, calibrated
from encore.experiments.tradeoff.measurement.grid import StorageSetting
from encore.experiments.tradeoff.measurement.labels import TaskLabels
from encore.featurestore import Catalogue, FeatureSpec
from encore.featurestore.quantizers import quantizer_from_dict
from encore.heads import TrainedHead, TrainSettings
from encore.heads.model import kind_of
from encore.heads.training import Examples


@dataclass(frozen=True)
class Trials:
    """Measures cells. The object is small, so that it can be sent to other processes.

    Attributes:
        store, snapshot: the rich store.
        folder: where finished cells lie.
        settings: what all cells have in common; a folder of others is refused.
        queries: learned queries of attention pooling.
        epochs: passes over the training documents; None takes the usual number.
    """

    store: str
    snapshot: int
    folder: Path
    settings: Mapping[str, Any]
    queries: int
    epochs: int | None

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle without opened stores: another process opens them itself."""
        return Trials, (self.store, self.snapshot, self.folder, self.settings, self.queries, self.epochs)

    @cached_property
    def source(self) -> Catalogue:
        """The rich store."""
        return Catalogue.open(self.store, self.snapshot)

    @cached_property
    def heads(self) -> CellStore:
        """Results of trained heads."""
        return CellStore(self.folder / "heads", self.settings)

    @cached_property
    def calibrations(self) -> CellStore:
        """Calibrated quantizers."""
        return CellStore(self.folder / "calibrations", self.settings)

    def spec_of(self, setting: StorageSetting) -> FeatureSpec | None:
        """The calibrated spec of a setting; None where the calibration is still to come."""
        target = setting.derivation(self.source.spec).target
        if target.quantizer.calibrated:
            return target
        found = self.calibrations.get(asdict(setting))
        return None if found is None else target.with_quantizer(quantizer_from_dict(found))

    def train_settings(self, setting: StorageSetting, seed: int) -> TrainSettings:
        """How a head is trained: as `encore train` would."""
        return TrainSettings(
            queries=self.queries if setting.positions == "tokens" else 1, epochs=self.epochs, seeds=(seed,)
        )

    def calibrate(self, settings: Sequence[StorageSetting]) -> None:
        """Calibrate the quantizers of settings, on the same sample as `encore derive`."""
        for setting in settings:
            found = calibrated(self.source, setting.derivation(self.source.spec))
            self.calibrations.put(asdict(setting), found.to_dict())

    def measure(self, batch: TrialBatch) -> None:
        """Train and measure every unfinished head of a batch. Features are read once and kept in memory meanwhile."""
        bench = TaskBench(self.source, batch.task.train, batch.task.dev, batch.task.classes)
        for setting in batch.settings:
            spec = self.spec_of(setting)
            if spec is None:
                raise ValueError(f"{setting.name} has not been calibrated")
            examples = bench.derive(spec)
            for seed in batch.seeds:
                key = head_key(batch.task, setting, seed)
                if self.heads.get(key) is None:
                    trained = examples.train_head(self.train_settings(setting, seed))
                    self.heads.put(key, _result(trained, examples.dev))

    def missing(self, batch: TrialBatch) -> TrialBatch:
        """The settings of a batch that lack a head."""
        settings = tuple(
            setting
            for setting in batch.settings
            if any(self.heads.get(head_key(batch.task, setting, seed)) is None for seed in batch.seeds)
        )
        return TrialBatch(batch.task, settings, batch.seeds)


@dataclass(frozen=True, eq=False)
class TrialBatch:
    """Heads of one task that a process trains one after the other.

    Attributes:
        task: the task.
        settings: the features to train on.
        seeds: of the heads.
    """

    task: TaskLabels
    settings: tuple[StorageSetting, ...]
    seeds: tuple[int, ...]


def head_key(task: TaskLabels, setting: StorageSetting, seed: int) -> dict[str, Any]:
    """Key of a head's cell: other labels are other cells."""
    return {"task": task.name, "labels": task.digest, **asdict(setting), "seed": seed}


def batches_of(tasks: Sequence[TaskLabels], grid: Sequence[StorageSetting], seeds: int) -> Iterator[TrialBatch]:
    """Batches of one task and one layer pooling, those that take longest first."""
    for layers in reversed(dict.fromkeys(setting.layers for setting in grid)):
        settings = tuple(setting for setting in grid if setting.layers == layers)
        for task in tasks:
            yield TrialBatch(task, settings, tuple(range(seeds)))


def right_of(result: Mapping[str, Any]) -> npt.NDArray[np.bool_]:
    """(documents,) which dev documents a head has predicted right."""
    octets = np.frombuffer(base64.b64decode(result["right"]), np.uint8)
    return np.unpackbits(octets, count=result["dev_documents"]).astype(np.bool_)


def _result(trained: TrainedHead, dev: Examples) -> dict[str, Any]:
    evaluation = trained.evaluation
    right = dev.predict(trained.model) == dev.codes
    return {
        "accuracy": float(right.mean()),
        "macro_f1": None if evaluation is None else evaluation.macro_f1,
        "mcc": None if evaluation is None else evaluation.mcc,
        "right": base64.b64encode(np.packbits(right).tobytes()).decode(),
        "dev_documents": len(dev),
        "train_documents": trained.documents,
        "pooling": kind_of(trained.model.pooling),
        "epoch": trained.best.number,
        "epochs": trained.best.epochs,
        "still_rising": trained.still_rising,
        "seconds": trained.seconds,
        "fingerprint": trained.spec.fingerprint,
    }
