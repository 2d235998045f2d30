"""One task, fine-tuned end to end (paper, table 3 a): every weight of the encoder learns; nothing is stored."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from encore.encoders import load_encoder
from encore.encoders.training import JointTraining, TaskTokens, TrainingSettings, predict_classes
from encore.experiments.bench import TaskData
from encore.experiments.training.multitask import fresh_head
from encore.featurestore import UsageError
from encore.heads import Evaluation


@dataclass(frozen=True)
class SingleTaskSettings:
    """Hyper-parameters of fine-tuning (paper, appendix A), with a learning rate for a small encoder.

    The paper tries 1e-5, 2e-5 and 3e-5, and batches of 16 and 32, for each task of RoBERTa-large, over 10 epochs.

    Attributes:
        epochs: passes over the training documents.
        batch_size: documents a step.
        learning_rate: peak of the schedule, for the encoder.
        position: what of the last layer goes to the head: ``cls`` or ``mean``; None takes what suits the encoder.
        max_length: tokens of a document; None takes the encoder's default.
        batch_tokens: padded tokens of one forward and backward pass; None takes the default of the device.
        precision: ``auto``, ``float32`` or ``bfloat16``.

    Raises:
        UsageError: no epoch.
    """

    epochs: int = 10
    batch_size: int = 32
    learning_rate: float = 5e-5
    position: str | None = None
    max_length: int | None = None
    batch_tokens: int | None = None
    precision: str = "auto"

    def __post_init__(self) -> None:
        if self.epochs < 1:
            raise UsageError(f"epochs {self.epochs}: expected at least 1")

    def training(self, documents: int, seed: int) -> TrainingSettings:
        """The training of so many documents."""
        return TrainingSettings(
            steps=self.last_step(self.epochs, documents),
            samples=self.batch_size,
            learning_rate=self.learning_rate,
            position=self.position,
            max_length=self.max_length,
            batch_tokens=self.batch_tokens,
            precision=self.precision,
            seed=seed,
        )

    def last_step(self, epoch: int, documents: int) -> int:
        """Number of the step that ends an epoch, counted from 1. A batch that spans two epochs belongs to the first."""
        return -(-epoch * documents // self.batch_size)


@dataclass(frozen=True)
class SingleTaskEpoch:
    """One epoch, as it ended.

    Attributes:
        number: from 1.
        loss: mean cross-entropy over its steps, dropout included.
        dev_accuracy: on the dev documents.
        seconds: since the training began.
    """

    number: int
    loss: float
    dev_accuracy: float
    seconds: float


@dataclass(frozen=True)
class SingleTaskResult:
    """What fine-tuning found.

    Attributes:
        epochs: every one, in order.
        best: the first epoch with the best dev accuracy. It is slightly too good, since dev also chose it.
        evaluation: on the dev documents, at the best epoch.
        tokens_per_document: mean over training and dev documents, special tokens included.
        seconds: all of it, dev included.
    """

    epochs: tuple[SingleTaskEpoch, ...]
    best: SingleTaskEpoch
    evaluation: Evaluation
    tokens_per_document: float
    seconds: float


def finetune(
    encoder: str,
    data: TaskData,
    seed: int = 0,
    settings: SingleTaskSettings | None = None,
    *,
    device: str = "auto",
    on_epoch: Callable[[SingleTaskEpoch], None] | None = None,
) -> SingleTaskResult:
    """Fine-tune an encoder and a fresh head on one task, and measure every epoch on dev.

    Args:
        encoder: what `load_encoder` takes: the plain encoder, or one that was trained jointly.
        data: the task.
        seed: of the head's initial weights, the order of documents and the dropout.
        settings: hyper-parameters; None takes the defaults.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        on_epoch: called after every epoch.

    Raises:
        UsageError: no such encoder or device, or one that cannot read the task.
        JobError: the training diverged.
    """
    started = time.monotonic()
    settings = settings or SingleTaskSettings()
    loaded = load_encoder(encoder, device=device, trainable=True)
    name = data.task.name
    train, dev = (
        TaskTokens.tokenize(loaded, name, part.documents, part.codes(data.classes), settings.max_length)
        for part in (data.train, data.dev)
    )
    head = fresh_head(loaded, data, seed)
    training = JointTraining(loaded, {name: head}, [train], settings.training(len(train), seed))
    losses: list[float] = []
    epochs: list[SingleTaskEpoch] = []
    best: tuple[SingleTaskEpoch, Evaluation] | None = None
    for number in range(1, settings.epochs + 1):
        losses.clear()
        training.run(settings.last_step(number, len(train)), on_step=lambda step: losses.append(step.loss))
        predicted = predict_classes(loaded, head, dev.tokens, training.position, precision=training.precision)
        accuracy = float((predicted == dev.codes).mean())
        # With a training set smaller than a batch, several epochs can end in one step.
        loss = sum(losses) / len(losses) if losses else epochs[-1].loss
        epoch = SingleTaskEpoch(number, loss, accuracy, time.monotonic() - started)
        epochs.append(epoch)
        if best is None or accuracy > best[0].dev_accuracy:
            best = epoch, Evaluation.of(dev.codes, predicted, data.classes)
        if on_epoch is not None:
            on_epoch(epoch)
    if best is None:
        raise ValueError("no epoch was run")
    tokens = sum(len(part.tokens.ids) for part in (train, dev)) / (len(train) + len(dev))
    return SingleTaskResult(tuple(epochs), *best, tokens, time.monotonic() - started)
