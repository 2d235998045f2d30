"""What is measured once: the calibration of a setting, and one head of one task, setting and seed."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from encore.experiments.bench import CellStore
from encore.experiments.tradeoff.measurement.grid import Setting
from encore.experiments.tradeoff.measurement.labels import LabelledTask
from encore.featurestore import FeatureBlock, FeatureSpec, Store
from encore.featurestore.calibration_sample import sample_activations
from encore.featurestore.derivation import Derivation
from encore.featurestore.quantizers import calibrate, quantizer_from_dict
from encore.heads import Labels, TrainedHead, TrainSettings, train_head
from encore.heads.model import kind_of
from encore.heads.training import Examples

PART_BYTES = 16 << 20
"""Packed bytes that are derived at a time: as floats they may take sixteen times as many."""


@dataclass(frozen=True)
class Bench:
    """Where cells are measured; small, so that it can be sent to other processes.

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
        """What has been opened stays behind when a bench is sent to another process."""
        return Bench, (self.store, self.snapshot, self.folder, self.settings, self.queries, self.epochs)

    @cached_property
    def source(self) -> Store:
        """The rich store."""
        return Store.open(self.store, self.snapshot)

    @cached_property
    def heads(self) -> CellStore:
        """Results of trained heads."""
        return CellStore(self.folder / "heads", self.settings)

    @cached_property
    def calibrations(self) -> CellStore:
        """Calibrated quantizers."""
        return CellStore(self.folder / "calibrations", self.settings)

    def spec_of(self, setting: Setting) -> FeatureSpec | None:
        """The calibrated spec of a setting; None where the calibration is still to come."""
        target = setting.derivation(self.source.spec).target
        if target.quantizer.calibrated:
            return target
        found = self.calibrations.get(asdict(setting))
        return None if found is None else target.with_quantizer(quantizer_from_dict(found))

    def train_settings(self, setting: Setting, seed: int) -> TrainSettings:
        """How a head is trained: as `encore train` would."""
        return TrainSettings(
            queries=self.queries if setting.positions == "tokens" else 1, epochs=self.epochs, seeds=(seed,)
        )

    def calibrate(self, settings: Sequence[Setting]) -> None:
        """Measure what the quantizers of settings take, on the sample that `encore derive` would take."""
        for setting in settings:
            derivation = setting.derivation(self.source.spec)
            sample = partial(sample_activations, self.source, derivation)
            self.calibrations.put(asdict(setting), calibrate(derivation.target.quantizer, sample).to_dict())

    def measure(self, unit: HeadUnit) -> None:
        """Train and measure every head of a unit that is not finished; features are read once and held meanwhile."""
        parts = [_Part(labels, self.source, unit.task.classes) for labels in (unit.task.train, unit.task.dev)]
        for setting in unit.settings:
            spec = self.spec_of(setting)
            if spec is None:
                raise ValueError(f"{setting.name} has not been calibrated")
            train, dev = (part.examples(Derivation(self.source.spec, spec)) for part in parts)
            for seed in unit.seeds:
                key = head_key(unit.task, setting, seed)
                if self.heads.get(key) is None:
                    trained = train_head(
                        train.block,
                        train.codes,
                        spec,
                        unit.task.classes,
                        dev=dev.block,
                        dev_codes=dev.codes,
                        settings=self.train_settings(setting, seed),
                    )
                    self.heads.put(key, _result(trained, dev))

    def missing(self, unit: HeadUnit) -> HeadUnit:
        """The settings of a unit that lack a head."""
        settings = tuple(
            setting
            for setting in unit.settings
            if any(self.heads.get(head_key(unit.task, setting, seed)) is None for seed in unit.seeds)
        )
        return HeadUnit(unit.task, settings, unit.seeds)


@dataclass(frozen=True, eq=False)
class HeadUnit:
    """Heads of one task that a process trains one after the other.

    Attributes:
        task: the task.
        settings: the features to train on.
        seeds: of the heads.
    """

    task: LabelledTask
    settings: tuple[Setting, ...]
    seeds: tuple[int, ...]


def head_key(task: LabelledTask, setting: Setting, seed: int) -> dict[str, Any]:
    """Key of a head's cell: other labels are other cells."""
    return {"task": task.name, "labels": task.digest, **asdict(setting), "seed": seed}


def units_of(tasks: Sequence[LabelledTask], grid: Sequence[Setting], seeds: int) -> Iterator[HeadUnit]:
    """Units of one task and one layer pooling, those that take longest first."""
    for layers in reversed(dict.fromkeys(setting.layers for setting in grid)):
        settings = tuple(setting for setting in grid if setting.layers == layers)
        for task in tasks:
            yield HeadUnit(task, settings, tuple(range(seeds)))


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


class _Part:
    """Rich features of a task's documents, from which those of every setting are derived."""

    def __init__(self, labels: Labels, source: Store, classes: Sequence[str]) -> None:
        self._rich = source.gather(labels.doc_ids)
        self._codes = labels.codes(classes)
        self._classes = len(classes)

    def examples(self, derivation: Derivation) -> Examples:
        """The documents as a poorer store would hold them."""
        parts = [derivation.apply(block)[0] for block in _parts(self._rich)]
        return Examples(FeatureBlock.concatenate(parts), self._codes, derivation.target, self._classes)


def _parts(block: FeatureBlock) -> Iterator[FeatureBlock]:
    """A block in slices of some `PART_BYTES`."""
    row_bytes = max(1, block.packed.nbytes // max(1, len(block.packed)))
    start = 0
    while start < len(block):
        limit = block.offsets[start] + PART_BYTES // row_bytes
        stop = max(start + 1, int(np.searchsorted(block.offsets, limit, side="right")) - 1)
        yield block.slice(start, stop)
        start = stop
