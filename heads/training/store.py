"""Training a head from labels and a store: find the stored documents, split them, train."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from encore.featurestore import Catalogue, DataError, UsageError
from encore.heads.artefact import Head, check_task
from encore.heads.batches import Placement
from encore.heads.labels import Labels, Split, blanks_around, named
from encore.heads.model import check_pooling
from encore.heads.training.epochs import Progress
from encore.heads.training.features import TRAINING_MEMORY, gather
from encore.heads.training.settings import TrainSettings
from encore.heads.training.trainer import train_head

DEV_SHARE = 0.1
"""Default share of the labels that is set aside for dev, where the user gives no dev labels; 0 for none."""


@dataclass(frozen=True)
class LabelCounts:
    """How the rows of a label table were used.

    Attributes:
        used: documents to train or measure on.
        not_stored: labelled documents that the store lacks.
        repeated: rows that repeat another row.
        blank: rows without an id or a label.
        examples: ids of the first few documents that are not stored, for a message.
    """

    used: int
    not_stored: int
    repeated: int
    blank: int
    examples: str = ""

    @classmethod
    def of(cls, given: Labels, missing: Labels) -> LabelCounts:
        """Count ``labels``, of which ``missing`` are not stored."""
        examples = named(missing.doc_ids) if len(missing) else ""
        return cls(len(given) - len(missing), len(missing), given.repeated, given.blank, examples)


@dataclass(frozen=True)
class StoreTraining:
    """A trained head, with counts of its labels.

    Attributes:
        head: the trained head.
        train: counts of the training labels.
        dev: counts of the dev labels; None where the user gave none.
        class_documents: (classes,) training documents of each of the head's classes.
    """

    head: Head
    train: LabelCounts
    dev: LabelCounts | None
    class_documents: tuple[int, ...]


@dataclass(frozen=True)
class TrainRequest:
    """The input of `train_from_store`.

    Attributes:
        task: name of the task.
        labels: labelled documents.
        dev: labelled documents to measure on; None sets a share of ``labels`` aside.
        dev_share: the share; 0 for no dev documents at all.
        settings: hyper-parameters.
        memory: most bytes of packed features in memory. More go to a temporary file.
        placement: where the heads learn.
    """

    task: str
    labels: Labels
    dev: Labels | None = None
    dev_share: float = DEV_SHARE
    settings: TrainSettings = field(default_factory=TrainSettings)
    memory: int = TRAINING_MEMORY
    placement: Placement = field(default_factory=Placement)


def train_from_store(store: Catalogue, request: TrainRequest, progress: Progress | None = None) -> StoreTraining:
    """Train a head on the labelled documents that a snapshot holds. The result counts the others.

    Raises:
        DataError: the labels cannot train a head.
        UsageError: the settings do not suit the stored features.
    """
    check_task(request.task)
    if not 0 <= request.dev_share < 1:
        raise UsageError(f"dev share {request.dev_share}: expected a share from 0 to below 1, for example 0.1")
    for pooling in request.settings.poolings:
        check_pooling(pooling, store.spec)
    stored, missing = partition_stored(store, request.labels, store.contains(request.labels.doc_ids))
    train_counts = LabelCounts.of(request.labels, missing)
    dev_counts, share = None, None
    if request.dev is not None:
        dev, missing_dev = partition_stored(store, request.dev, store.contains(request.dev.doc_ids))
        dev_counts = LabelCounts.of(request.dev, missing_dev)
        split = Split.given(stored, dev)
    elif request.dev_share > 0:
        share = request.dev_share
        split = Split.by_share(stored, share, request.settings.seeds[0])
    else:
        split = Split.given(stored)
    split.warn_of_unmeasured(share)
    trained = train_head(
        gather(store, split.train.doc_ids, request.memory),
        split.train.codes(split.classes),
        store.spec,
        split.classes,
        dev=None if split.dev is None else gather(store, split.dev.doc_ids, request.memory),
        dev_codes=None if split.dev is None else split.dev.codes(split.classes),
        settings=request.settings,
        placement=request.placement,
        progress=progress,
    )
    head = trained.head(request.task, store.version, split.train.doc_ids)
    return StoreTraining(head, train_counts, dev_counts, tuple(split.train.counts(split.classes).tolist()))


def partition_stored(store: Catalogue, labels: Labels, stored: npt.NDArray[np.bool_]) -> tuple[Labels, Labels]:
    """Divide labels into those of stored documents and the others.

    Args:
        store: named in messages.
        labels: labelled documents.
        stored: (documents,) bool: whether the store holds a document.

    Raises:
        DataError: there is no label, or no labelled document is stored.
    """
    if not len(labels):
        raise DataError(f"{labels.source}: holds no labelled document")
    if not stored.any():
        raise DataError(
            f"{labels.source}: none of its {len(labels):,} labelled documents is in {store.uri} "
            f"(labelled: {named(labels.doc_ids)}); are the ids and the id column right?"
            f"{blanks_around(labels.doc_ids)}"
        )
    return labels.partition(stored)
