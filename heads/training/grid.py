"""The heads of a grid train together: one pass over the documents, decoded once, serves all of them.

Heads of one batch size read the same batches in the same order. They are cut into stacks, and the stacks are spread
over threads: a stack has a core to itself while it learns from several batches, one after the other.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from encore.heads.batches import Codes, DecodedBatch, Examples, budget_batches, rows_of_budget, training_batches
from encore.heads.gradients import HeadStack, Standard
from encore.heads.model import HeadModel
from encore.heads.training.epochs import Epoch, Progress
from encore.heads.training.settings import Point, TrainSettings
from encore.heads.training.threads import TOGETHER, SharedPasses, in_parts
from encore.heads.training.trial import GridRun, in_stacks, side_by_side

ORDER = 0x6F72646572
"""What a seed is combined with for the order of documents: weights and order must not be made of the same numbers."""


def train_grid(
    train: Examples, dev: Examples | None, points: Sequence[Point], settings: TrainSettings, progress: Progress | None
) -> list[GridRun]:
    """Train a head at every point of a grid.

    Args:
        train: what they learn from.
        dev: what chooses their epoch; None for the last one.
        points: of the grid, each once.
        settings: what they have in common.
        progress: called after every epoch of every head.

    Returns:
        The heads, in the order of the points.

    Raises:
        UsageError: one of them diverged, or cannot be built over these features.
    """
    with SharedPasses.on_threads(len(points)) as passes:
        designs = passes.for_each(points, lambda point: _design(train, point, settings))
        pooled = {point.pooling: design for point, (design, _) in zip(points, designs, strict=True)}
        standards = {pooling: Standard.of(train, design) for pooling, design in pooled.items() if settings.standardise}
        runs = [
            GridRun(point, design, standards.get(point.pooling), generator, settings, _steps(train, point, settings))
            for point, (design, generator) in zip(points, designs, strict=True)
        ]
        training = _Training(train, dev, passes, settings, progress)
        for size in dict.fromkeys(point.batch_size for point in points):
            training.run([run for run in runs if run.point.batch_size == size], size)
    return runs


def _design(train: Examples, point: Point, settings: TrainSettings) -> tuple[HeadModel, torch.Generator]:
    """A fresh head at a point of the grid, and the generator of what is drawn next."""
    # One generator for all that is the head's own: torch's global one is neither read nor moved.
    generator = torch.Generator().manual_seed(point.seed)
    design = HeadModel.build(
        train.spec,
        train.classes,
        point.pooling,
        attention_heads=settings.attention_heads,
        queries=settings.queries,
        layer_mix=settings.layer_mix if train.spec.layers.stacked else None,
        dropout=settings.dropout,
        generator=generator,
    )
    # Else the first steps go into learning which class is frequent, and a small training set ends below the majority.
    design.classifier.set_class_prior(np.bincount(train.codes, minlength=train.classes).tolist())
    return design, generator


def _steps(train: Examples, point: Point, settings: TrainSettings) -> int:
    return settings.epochs_for(len(train), point.batch_size) * -(-len(train) // point.batch_size)


@dataclass(frozen=True)
class _Training:
    """Trains the heads of one batch size after those of another.

    Attributes:
        train: what they learn from.
        dev: what chooses their epoch; None for the last one.
        passes: runs stacks over batches.
        settings: what the heads have in common.
        progress: called after every epoch of every head, in the order of the heads.
    """

    train: Examples
    dev: Examples | None
    passes: SharedPasses
    settings: TrainSettings
    progress: Progress | None

    def run(self, runs: Sequence[GridRun], size: int) -> None:
        """Train heads to their end, or until their patience has run out, in batches of so many documents."""
        started = time.monotonic()
        epochs = self.settings.epochs_for(len(self.train), size)
        generator = torch.Generator().manual_seed(self.settings.order ^ ORDER)
        learning = list(runs)
        stacks = _stacks_of(learning)
        for number in range(1, epochs + 1):
            batches = training_batches(self.train.block.lengths, size, generator)
            self._pass(self.train, batches, stacks, _Stack.learn)
            predicted = self._predicted(stacks)
            for run in learning:
                self._end_epoch(run, number, epochs, predicted.get(run), time.monotonic() - started)
            if any(run.stopped for run in learning):
                learning = [run for run in learning if not run.stopped]
                stacks = _stacks_of(learning)
            if not learning:
                break

    def _predicted(self, stacks: Sequence[_Stack]) -> dict[GridRun, Codes]:
        """(dev documents,) classes that each head predicts now; nothing without dev."""
        if self.dev is None:
            return {}
        predicted = {run: np.empty(len(self.dev), np.int64) for stack in stacks for run in stack.runs}
        batches = budget_batches(self.dev.block.lengths, rows_of_budget(self.dev.spec))

        def predict(stack: _Stack, batch: DecodedBatch) -> None:
            classes = stack.stack.logits(batch).argmax(dim=2).numpy()
            for run, own in zip(stack.runs, classes, strict=True):
                predicted[run][batch.documents] = own

        self._pass(self.dev, batches, stacks, predict)
        return predicted

    def _pass(
        self,
        examples: Examples,
        batches: Sequence[Codes],
        stacks: Sequence[_Stack],
        read: Callable[[_Stack, DecodedBatch], None],
    ) -> None:
        design = stacks[0].runs[0].design
        of_pairs = any(stack.runs[0].design.of_pairs for stack in stacks)
        parts = in_parts(batches, examples.decoded_floats, TOGETHER if len(stacks) > 1 else 1)
        self.passes.run(parts, lambda batch: examples.decoded(batch, design.mix, of_pairs=of_pairs), stacks, read)

    def _end_epoch(self, run: GridRun, number: int, epochs: int, predicted: Codes | None, seconds: float) -> None:
        accuracy = None if predicted is None or self.dev is None else float((predicted == self.dev.codes).mean())
        point = run.point
        epoch = Epoch(
            pooling=point.pooling,
            learning_rate=point.learning_rate,
            batch_size=point.batch_size,
            seed=point.seed,
            number=number,
            epochs=epochs,
            loss=run.take_loss() / len(self.train),
            dev_accuracy=accuracy,
            seconds=seconds,
        )
        run.end_epoch(epoch, predicted)
        if self.progress is not None:
            self.progress(epoch)


@dataclass(frozen=True, eq=False)
class _Stack:
    """Heads that learn side by side on one thread."""

    runs: Sequence[GridRun]
    stack: HeadStack

    def learn(self, batch: DecodedBatch) -> None:
        for run in self.runs:
            run.optimizer.begin_step()
        losses = self.stack.learn(batch)
        for run, loss in zip(self.runs, losses.tolist(), strict=True):
            run.add_loss(loss * len(batch))


def _stacks_of(runs: Sequence[GridRun]) -> list[_Stack]:
    """Stacks of heads that pool alike, those of one pooling together."""
    poolings = dict.fromkeys(run.point.pooling for run in runs)
    alike = ([run for run in runs if run.point.pooling == pooling] for pooling in poolings)
    return [
        _Stack(own, HeadStack(side_by_side(own), own[0].design, [run.generator for run in own], own[0].standard))
        for part in alike
        for own in in_stacks(part)
    ]
