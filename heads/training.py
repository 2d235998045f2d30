"""Training a head from stored features (paper, section 3.3.2 and appendix): the encoder takes no part."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch.nn import functional

from featurestore.blocks import FeatureBlock
from featurestore.errors import DataError, UsageError
from featurestore.spec import FeatureSpec
from heads.batches import training_batches
from heads.evaluate import Evaluation
from heads.examples import Codes, Examples
from heads.model import HeadModel
from heads.optimizer import build_optimizer
from heads.pooling import default_pooling
from heads.settings import TrainSettings


@dataclass(frozen=True)
class Epoch:
    """One pass over the training documents, as it ended.

    Attributes:
        learning_rate, batch_size: the point of the grid.
        number: of the pass, from 1.
        epochs: passes of this point of the grid.
        loss: mean cross-entropy over the training documents, dropout included.
        dev_accuracy: on the dev documents; None where there are none.
        seconds: since this point of the grid began.
    """

    learning_rate: float
    batch_size: int
    number: int
    epochs: int
    loss: float
    dev_accuracy: float | None
    seconds: float


Progress = Callable[[Epoch], None]


@dataclass(frozen=True)
class TrainedHead:
    """What training gives.

    Attributes:
        model: the head at its best epoch, in evaluation mode.
        spec: the features it was trained on.
        classes: names of the classes.
        settings: what was asked for.
        best: the epoch that was kept: the first of the best dev accuracy; without dev the last.
        history: every epoch of every point of the grid, in order.
        documents: training documents.
        evaluation: on the dev documents; None where there are none. The best of several epochs flatters a little.
        seconds: all of it.
    """

    model: HeadModel
    spec: FeatureSpec
    classes: tuple[str, ...]
    settings: TrainSettings
    best: Epoch
    history: tuple[Epoch, ...]
    documents: int
    evaluation: Evaluation | None
    seconds: float


def train_head(
    train: FeatureBlock,
    train_codes: Codes,
    spec: FeatureSpec,
    classes: Sequence[str],
    *,
    dev: FeatureBlock | None = None,
    dev_codes: Codes | None = None,
    settings: TrainSettings | None = None,
    progress: Progress | None = None,
) -> TrainedHead:
    """Train a head; the same inputs on the same machine give the same head, bit for bit.

    Args:
        train: features of the training documents, packed; they are decoded batch by batch.
        train_codes: (documents,) position of each one's class in ``classes``.
        spec: what the features are.
        classes: names of the classes, at least two, each with a training document.
        dev: features of the documents that choose the epoch and the point of the grid.
        dev_codes: their classes.
        settings: hyper-parameters; None takes the defaults.
        progress: called after every epoch.

    Raises:
        DataError: a class has no training document.
        UsageError: settings that do not suit the features, a grid without dev documents, or a training that diverged.
        StoreError: features that are not of the spec.
    """
    started = time.monotonic()
    settings = settings or TrainSettings()
    examples = Examples(train, train_codes, spec, len(classes))
    _require_every_class(train_codes, classes)
    if (dev is None) != (dev_codes is None):
        raise ValueError("dev features and dev classes come together")
    held_out = None if dev is None or dev_codes is None else Examples(dev, dev_codes, spec, len(classes))
    if held_out is None and len(settings.grid) > 1:
        raise UsageError("a grid of learning rates and batch sizes needs dev documents to choose by; give --dev")
    pooling = settings.pooling or _recommended_pooling(examples, held_out, settings)
    if pooling == "pair" and spec.positions == "tokens" and not examples.paired.any():
        raise UsageError("pooling pair: none of the training documents is a pair of texts; pool by attention")
    history: list[Epoch] = []
    best: _Candidate | None = None
    evaluation = None
    with _one_thread():
        for rate, size in settings.grid:
            point = replace(settings, pooling=pooling)
            candidate = _train_once(examples, held_out, len(classes), point, rate, size, progress, history)
            # Strictly better only: the first of equals stays, so that adding points to a grid never changes a tie.
            if best is None or (candidate.epoch.dev_accuracy or 0.0) > (best.epoch.dev_accuracy or 0.0):
                best = candidate
        if best is None:
            raise UsageError("the grid is empty; give a learning rate and a batch size")
        if held_out is not None:
            evaluation = Evaluation.of(held_out.codes, held_out.predict(best.model), classes)
    return TrainedHead(
        model=best.model.eval(),
        spec=spec,
        classes=tuple(classes),
        settings=settings,
        best=best.epoch,
        history=tuple(history),
        documents=len(examples),
        evaluation=evaluation,
        seconds=time.monotonic() - started,
    )


@contextmanager
def _one_thread() -> Iterator[None]:
    """Keep torch to this thread.

    A step is a millisecond of small products: two threads gain nothing on an idle machine, and where other work shares
    the cores they wait for each other (13 s an epoch against 1 s, measured on two busy cores).
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@dataclass(frozen=True)
class _Candidate:
    model: HeadModel
    epoch: Epoch


def _train_once(
    train: Examples,
    dev: Examples | None,
    classes: int,
    settings: TrainSettings,
    rate: float,
    size: int,
    progress: Progress | None,
    history: list[Epoch],
) -> _Candidate:
    """Train at one point of the grid and keep its best epoch."""
    started = time.monotonic()
    # One generator for everything random: torch's global one is neither read nor moved.
    generator = torch.Generator().manual_seed(settings.seed)
    model = _fresh_model(train.spec, classes, settings, generator)
    epochs = settings.epochs_for(len(train), size)
    optimizer, schedule = build_optimizer(model, settings, rate, epochs * -(-len(train) // size))
    targets = torch.from_numpy(train.codes)
    best: tuple[Epoch, dict[str, torch.Tensor]] | None = None
    for number in range(1, epochs + 1):
        model.train()
        total = 0.0
        for documents in training_batches(train.block.lengths, size, generator):
            loss = functional.cross_entropy(train.logits(model, documents), targets[documents])
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            optimizer.step()
            schedule.step()
            total += loss.item() * len(documents)
        if not math.isfinite(total):
            raise UsageError(f"learning rate {rate}: training diverged in epoch {number}; give a smaller one")
        accuracy = None if dev is None else float((dev.predict(model) == dev.codes).mean())
        epoch = Epoch(rate, size, number, epochs, total / len(train), accuracy, time.monotonic() - started)
        history.append(epoch)
        if progress is not None:
            progress(epoch)
        if best is None or accuracy is None or accuracy > (best[0].dev_accuracy or 0.0):
            best = epoch, {name: tensor.clone() for name, tensor in model.state_dict().items()}
    if best is None:
        raise ValueError("no epoch was run")
    model.load_state_dict(best[1])
    return _Candidate(model, best[0])


def _recommended_pooling(train: Examples, dev: Examples | None, settings: TrainSettings) -> str:
    known = train.texts_known and (dev is None or dev.texts_known)
    pairs = settings.queries == 1 and known and bool(train.paired.all())
    return default_pooling(train.spec.positions, pairs=pairs)


def _fresh_model(spec: FeatureSpec, classes: int, settings: TrainSettings, generator: torch.Generator) -> HeadModel:
    return HeadModel.build(
        spec,
        classes,
        settings.pooling or default_pooling(spec.positions),
        attention_heads=settings.attention_heads,
        queries=settings.queries,
        layer_mix=settings.layer_mix if spec.layers.stacked else None,
        dropout=settings.dropout,
        generator=generator,
    )


def _require_every_class(codes: Codes, classes: Sequence[str]) -> None:
    if len(classes) < 2:
        raise DataError(f"{len(classes)} classes; a head needs two")
    counts = np.bincount(codes, minlength=len(classes))
    empty = [name for name, count in zip(classes, counts, strict=True) if not count]
    if empty:
        raise DataError(f"classes {', '.join(empty[:5])} have no document to train on; label some, or leave them out")
