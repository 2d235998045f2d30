"""Training all heads of a grid together: documents are read and decoded once for all heads.

Heads of one batch size read the same batches in the same order. They are divided into learners: a learner is a stack of
heads or a single head. Learners run on several threads. Each has a core to itself while it learns from several batches
in a row.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from encore.featurestore.common import Int64s
from encore.heads.batches import Batch, budget_batches, rows_of_budget, training_batches
from encore.heads.model import HeadModel
from encore.heads.training.epochs import Epoch, Progress
from encore.heads.training.examples import Examples
from encore.heads.training.learners import Learner, learners_of
from encore.heads.training.settings import GridPoint, TrainSettings
from encore.heads.training.standardisation import standardisation_of
from encore.heads.training.threads import BATCHES_A_TURN, ThreadedPasses, in_parts
from encore.heads.training.trial import Trial

ORDER = 0x6F72646572
"""XORed with a seed to order the documents: the initial weights must not come from the same random numbers."""


def train_grid(
    train: Examples,
    dev: Examples | None,
    points: Sequence[GridPoint],
    settings: TrainSettings,
    progress: Progress | None,
) -> Sequence[Trial]:
    """Train a head at every point of a grid.

    Args:
        train: documents to learn from.
        dev: documents that choose the best epoch; None takes the last epoch.
        points: points of the grid, each once.
        settings: settings that all heads share.
        progress: called after every epoch of every head.

    Returns:
        The heads, in the order of the points.

    Raises:
        UsageError: the training of a head diverged, or a head cannot be built for these features.
    """
    # One thread asks a device for the steps of all stacks.
    with ThreadedPasses.on_threads(1 if train.placement.accelerated else len(points)) as passes:
        designs = passes.for_each(points, lambda point: _design(train, point, settings))
        pooled = {point.pooling: design for point, design in zip(points, designs, strict=True)}
        standards = {
            pooling: standardisation_of(train, design) for pooling, design in pooled.items() if settings.standardise
        }
        trials = [
            Trial(point, design, standards.get(point.pooling), settings, _steps(train, point, settings))
            for point, design in zip(points, designs, strict=True)
        ]
        training = _Training(train, dev, passes, settings, progress)
        for size in dict.fromkeys(point.batch_size for point in points):
            training.run([trial for trial in trials if trial.point.batch_size == size], size)
    return trials


def _design(train: Examples, point: GridPoint, settings: TrainSettings) -> HeadModel:
    """A fresh head at a point of the grid."""
    # Each head has its own generator, so that torch's global one is neither read nor changed.
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
    # Without it the first steps only learn which classes are frequent. A small training set then ends below the
    # accuracy of the majority class.
    design.classifier.set_class_prior(np.bincount(train.codes, minlength=train.classes).tolist())
    return design.to(train.placement.device)


def _steps(train: Examples, point: GridPoint, settings: TrainSettings) -> int:
    return settings.epochs_for(len(train), point.batch_size) * -(-len(train) // point.batch_size)


@dataclass(frozen=True)
class _Training:
    """Trains the heads of one batch size together.

    Attributes:
        train: documents to learn from.
        dev: documents that choose the best epoch; None takes the last epoch.
        passes: gives batches to learners, on several threads.
        settings: settings that all heads share.
        progress: called after every epoch of every head, in the order of the heads.
    """

    train: Examples
    dev: Examples | None
    passes: ThreadedPasses
    settings: TrainSettings
    progress: Progress | None

    def run(self, trials: Sequence[Trial], size: int) -> None:
        """Train heads in batches of ``size`` documents, until the last epoch or the end of each head's patience."""
        started = time.monotonic()
        epochs = self.settings.epochs_for(len(self.train), size)
        generator = torch.Generator().manual_seed(self.settings.order ^ ORDER)
        learners = learners_of(trials, self.train.placement)
        for number in range(1, epochs + 1):
            self._learn(learners, training_batches(self.train.block.lengths, size, generator))
            predicted = self._predicted(learners)
            for trial in [trial for trial in trials if not trial.stopped]:
                self._end_epoch(trial, number, epochs, predicted.get(trial), time.monotonic() - started)
            for learner in learners:
                learner.leave_out_stopped()
            learners = [learner for learner in learners if learner.trials]
            if not learners:
                break

    def _learn(self, learners: Sequence[Learner], batches: Sequence[Int64s]) -> None:
        def learn(learner: Learner, documents: Int64s, batch: Batch) -> None:
            targets = torch.from_numpy(self.train.codes[documents]).to(batch.rows.device)
            losses = learner.learn(batch, targets)
            for trial, loss in zip(learner.trials, losses.unbind(), strict=True):
                trial.add_loss(loss * len(batch))

        self._pass(self.train, batches, learners, learn)

    def _predicted(self, learners: Sequence[Learner]) -> dict[Trial, Int64s]:
        """Head → (dev documents,) classes that it predicts now; empty without dev."""
        if self.dev is None:
            return {}
        predicted = {trial: np.empty(len(self.dev), np.int64) for learner in learners for trial in learner.trials}

        def predict(learner: Learner, documents: Int64s, batch: Batch) -> None:
            classes = learner.logits(batch).argmax(dim=2).cpu().numpy()
            for trial, own in zip(learner.trials, classes, strict=True):
                predicted[trial][documents] = own

        self._pass(self.dev, budget_batches(self.dev.block.lengths, rows_of_budget(self.dev.spec)), learners, predict)
        return predicted

    def _pass(
        self,
        examples: Examples,
        batches: Sequence[Int64s],
        learners: Sequence[Learner],
        read: Callable[[Learner, Int64s, Batch], None],
    ) -> None:
        mix = learners[0].trials[0].design.mix
        of_pairs = any(learner.trials[0].design.of_pairs for learner in learners)
        parts = in_parts(batches, examples.decoded_floats, BATCHES_A_TURN if len(learners) > 1 else 1)
        self.passes.run(parts, lambda documents: examples.batch(documents, mix, of_pairs=of_pairs), learners, read)

    def _end_epoch(self, trial: Trial, number: int, epochs: int, predicted: Int64s | None, seconds: float) -> None:
        accuracy = None if predicted is None or self.dev is None else float((predicted == self.dev.codes).mean())
        point = trial.point
        epoch = Epoch(
            pooling=point.pooling,
            learning_rate=point.learning_rate,
            batch_size=point.batch_size,
            seed=point.seed,
            number=number,
            epochs=epochs,
            loss=trial.take_loss() / len(self.train),
            dev_accuracy=accuracy,
            seconds=seconds,
        )
        trial.end_epoch(epoch, predicted)
        if self.progress is not None:
            self.progress(epoch)
