"""One task on one rich store. The features of each setting are derived in memory, and heads are trained on them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from encore.featurestore import Catalogue, FeatureBlock, FeatureSpec
from encore.featurestore.derivation import Derivation, sample_activations
from encore.featurestore.quantizers import Quantizer, calibrate
from encore.heads import Labels, TrainedHead, TrainSettings, train_head
from encore.heads.training import Examples

DERIVE_BYTES = 16 << 20
"""Packed bytes that are derived at a time. Decoded to floats they may be sixteen times as many."""


@dataclass(frozen=True, eq=False)
class TaskExamples:
    """A task's documents as a store of one spec would hold them.

    Attributes:
        train, dev: documents to train on and to measure on.
        classes: names of the classes.
    """

    train: Examples
    dev: Examples
    classes: Sequence[str]

    def train_head(self, settings: TrainSettings) -> TrainedHead:
        """Train a head and measure it."""
        return train_head(
            self.train.block,
            self.train.codes,
            self.train.spec,
            self.classes,
            dev=self.dev.block,
            dev_codes=self.dev.codes,
            settings=settings,
        )


class TaskBench:
    """The rich features of a task's documents, read once."""

    def __init__(self, source: Catalogue, train: Labels, dev: Labels, classes: Sequence[str]) -> None:
        self._spec = source.spec
        self._parts = [(source.gather(labels.doc_ids), labels.codes(classes)) for labels in (train, dev)]
        self._classes = classes

    def derive(self, spec: FeatureSpec) -> TaskExamples:
        """Derive the task's documents for a calibrated spec from the rich features."""
        train, dev = (
            Examples(derived(block, self._spec, spec), codes, spec, len(self._classes)) for block, codes in self._parts
        )
        return TaskExamples(train, dev, self._classes)


def calibrated(source: Catalogue, derivation: Derivation) -> Quantizer:
    """The calibrated quantizer that `encore derive` would make, from the same sample."""
    return calibrate(derivation.target.quantizer, partial(sample_activations, source, derivation))


def derived(block: FeatureBlock, source: FeatureSpec, target: FeatureSpec) -> FeatureBlock:
    """Derive a block of another spec from a block of one spec, some `DERIVE_BYTES` at a time."""
    if source == target:
        return block
    derivation = Derivation(source, target)
    return FeatureBlock.concatenate([derivation.apply(part)[0] for part in _slices(block)])


def _slices(block: FeatureBlock) -> Iterator[FeatureBlock]:
    row_bytes = max(1, block.packed.nbytes // max(1, len(block.packed)))
    start = 0
    while start < len(block):
        limit = block.offsets[start] + DERIVE_BYTES // row_bytes
        stop = max(start + 1, int(np.searchsorted(block.offsets, limit, side="right")) - 1)
        yield block.slice(start, stop)
        start = stop
