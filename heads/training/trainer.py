"""Training a head from stored features (paper, section 3.3.2 and appendix). The encoder is not run."""

from __future__ import annotations

import platform
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version

import numpy as np
import pyarrow as pa

from encore.featurestore.common import Int64s
from encore.featurestore.documents import FeatureBlock
from encore.featurestore.errors import DataError, UsageError
from encore.featurestore.spec import FeatureSpec
from encore.heads.artefact import Head
from encore.heads.batches import Placement
from encore.heads.labels import TrainingIds
from encore.heads.metrics import Evaluation
from encore.heads.model import POOLINGS, HeadModel, default_pooling
from encore.heads.training.epochs import Epoch, Progress, still_rising
from encore.heads.training.examples import Examples
from encore.heads.training.grid import train_grid
from encore.heads.training.settings import TrainSettings

PACKAGES = ("encore-featurestore", "numpy", "pyarrow", "safetensors", "torch")
"""Packages whose versions a head records."""


@dataclass(frozen=True)
class TrainedHead:
    """The result of a training.

    Attributes:
        model: the head at its best epoch, in evaluation mode.
        spec: the features it was trained on.
        classes: names of the classes.
        settings: the settings of the training.
        best: the epoch that was kept: the first one with the best dev accuracy; without dev the last one.
        history: every epoch of every point of the grid, in order.
        documents: number of training documents.
        evaluation: results on the dev documents; None where there are none. They are slightly too good, since dev also
            chose the epoch.
        seconds: time of the whole training.
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

    @property
    def still_rising(self) -> bool:
        """Whether the kept head's dev accuracy still rose at the end: more epochs may help. False without dev."""
        best = self.best
        own = [epoch for epoch in self.history if epoch.point == best.point]
        return self.evaluation is not None and still_rising(own, self.evaluation.documents)

    def head(self, task: str, snapshot: int | None = None, doc_ids: pa.Array | pa.ChunkedArray | None = None) -> Head:
        """Make the artefact of the training.

        Args:
            task: name of the task: letters, digits, ``.``, ``_`` and ``-``.
            snapshot: number of the store's snapshot that the features came from.
            doc_ids: ids of the training documents; None leaves them out of the artefact.
        """
        training = {
            "settings": self.settings.to_dict(),
            "documents": self.documents,
            "best": asdict(self.best),
            "still_rising": self.still_rising,
            "history": [asdict(epoch) for epoch in self.history],
            "seconds": round(self.seconds, 3),
        }
        head = Head(
            task=task,
            classes=self.classes,
            spec=self.spec,
            model=self.model.eval(),
            snapshot=snapshot,
            training=training,
            evaluation=self.evaluation,
            versions=_versions(),
            created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        )
        return head if doc_ids is None else replace(head, trained_on=TrainingIds.of(doc_ids, head.digest))


def train_head(
    train: FeatureBlock,
    train_codes: Int64s,
    spec: FeatureSpec,
    classes: Sequence[str],
    *,
    dev: FeatureBlock | None = None,
    dev_codes: Int64s | None = None,
    settings: TrainSettings | None = None,
    placement: Placement | None = None,
    progress: Progress | None = None,
) -> TrainedHead:
    """Train one head, or a grid of heads of which the best is kept.

    The same inputs on the same machine give the same head, to the bit, for any number of threads
    (`torch.set_num_threads`). A head of a grid equals the head that is trained alone with its seed and the grid's order
    of documents, up to rounding.

    Args:
        train: packed features of the training documents; they are decoded batch by batch.
        train_codes: (documents,) position of each document's class in ``classes``.
        spec: spec of the features.
        classes: names of the classes, at least two, each with a training document.
        dev: packed features of the documents that choose the epoch and the point of the grid; None for no dev.
        dev_codes: (dev documents,) classes of the dev documents.
        settings: hyper-parameters; None takes the defaults.
        placement: where the heads learn; None takes the CPU, in float32.
        progress: called after every epoch.

    Raises:
        DataError: a class has no training document.
        UsageError: the settings do not suit the features, a grid has no dev documents, or the training diverged.
        StoreError: the features do not match the spec.
    """
    started = time.monotonic()
    settings = settings or TrainSettings()
    place = placement or Placement()
    examples = Examples(train, train_codes, spec, len(classes), place)
    _require_every_class(train_codes, classes)
    if (dev is None) != (dev_codes is None):
        raise ValueError("give dev features and dev classes together, or neither")
    held_out = None if dev is None or dev_codes is None else Examples(dev, dev_codes, spec, len(classes), place)
    points = settings.grid(_recommended_pooling(examples, held_out, settings))
    if held_out is None and len(points) > 1:
        raise UsageError("a grid of settings needs dev documents to choose by; give dev labels, or a dev share above 0")
    if held_out is None and settings.patience is not None:
        raise UsageError("patience needs dev documents to judge an epoch by; give dev labels, or a dev share above 0")
    paired = [point.pooling for point in points if POOLINGS[point.pooling].of_pairs]
    if paired and spec.positions == "tokens" and not examples.paired.any():
        raise UsageError(f"pooling {paired[0]}: none of the training documents is a pair of texts; pool by attention")
    trials = train_grid(examples, held_out, points, settings, progress)
    # Of equals the first one wins, so that adding points to a grid never changes a tie.
    best = max(trials, key=lambda trial: trial.best_accuracy)
    evaluation = None
    if held_out is not None and best.predicted is not None:
        evaluation = Evaluation.of(held_out.codes, best.predicted, classes)
    return TrainedHead(
        model=best.best_model(),
        spec=spec,
        classes=tuple(classes),
        settings=settings,
        best=best.best_epoch,
        history=tuple(epoch for trial in trials for epoch in trial.history),
        documents=len(examples),
        evaluation=evaluation,
        seconds=time.monotonic() - started,
    )


def _recommended_pooling(train: Examples, dev: Examples | None, settings: TrainSettings) -> str:
    known = train.texts_known and (dev is None or dev.texts_known)
    pairs = settings.queries == 1 and known and bool(train.paired.all())
    return default_pooling(train.spec.positions, pairs=pairs)


def _require_every_class(codes: Int64s, classes: Sequence[str]) -> None:
    if len(classes) < 2:
        raise DataError(f"{len(classes)} classes; a head needs two")
    counts = np.bincount(codes, minlength=len(classes))
    empty = [name for name, count in zip(classes, counts, strict=True) if not count]
    if empty:
        raise DataError(f"classes {', '.join(empty[:5])} have no document to train on; label some, or leave them out")


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            # A checkout that runs without being installed has no version.
            found[package] = "not installed"
    return found
