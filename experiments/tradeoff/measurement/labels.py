"""Tasks as the command line names them, ``TASK=TRAIN[:DEV]``, and what is found of their labels in a store."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from encore.featurestore import Catalogue, DataError, UsageError
from encore.featurestore.storage import without_credentials
from encore.heads import Labels, Split, check_task, read_labels
from encore.heads.training import DEV_SHARE
from encore.tablefiles import PLAIN_TEXT, TextOptions
from encore.tablefiles.formats import format_of_name

SPLIT_SEED = 0
"""Seed of the dev share, so that every setting and every seed of a head is measured on the same documents."""


@dataclass(frozen=True)
class LabelFiles:
    """Where a task's labels are.

    Attributes:
        task: name of the task.
        train: path or URL of the labels to train on.
        dev: of those to measure on; None sets a share of ``train`` aside.
    """

    task: str
    train: str
    dev: str | None = None

    @classmethod
    def parse(cls, text: str) -> LabelFiles:
        """Read ``TASK=TRAIN`` or ``TASK=TRAIN:DEV``.

        The colon between two files is the one that follows a known file ending. Colons in URLs (``s3://…``) and after
        drive letters do not follow one.

        Raises:
            UsageError: no task, no file, or more than one colon that may be meant.
        """
        shown = without_credentials(text)
        task, found, files = text.partition("=")
        if not found or not task or not files:
            raise UsageError(f"--labels {shown!r}: expected TASK=TRAIN or TASK=TRAIN:DEV, for example topic=a.parquet")
        check_task(task)
        colons = [at for at, sign in enumerate(files) if sign == ":" and format_of_name(files[:at]) is not None]
        if len(colons) > 1:
            raise UsageError(f"--labels {shown!r}: names more than two files; give TRAIN and DEV, and rename others")
        if not colons:
            return cls(task, files)
        train, dev = files[: colons[0]], files[colons[0] + 1 :]
        if not dev:
            raise UsageError(f"--labels {shown!r}: no file after the colon; leave it out to set a share of TRAIN aside")
        return cls(task, train, dev)

    def __str__(self) -> str:
        return f"{self.task}={self.train}" + (f":{self.dev}" if self.dev else "")


@dataclass(frozen=True, eq=False)
class TaskLabels:
    """A task with its stored documents.

    Attributes:
        files: where its labels are.
        train: documents to train on.
        dev: documents to measure on.
        classes: names of the classes, in the order of `in_order`.
        not_stored: labelled documents that the store lacks.
    """

    files: LabelFiles
    train: Labels
    dev: Labels
    classes: tuple[str, ...]
    not_stored: int

    @property
    def name(self) -> str:
        """Name of the task."""
        return self.files.task

    @property
    def digest(self) -> str:
        """sha256 (hex) of every id and label, training and dev."""
        digest = hashlib.sha256()
        for part in (self.train, self.dev):
            for value in (*part.doc_ids.to_pylist(), *part.labels.to_pylist()):
                digest.update(len(value.encode()).to_bytes(8, "big") + value.encode())
            digest.update(b"\0")
        return digest.hexdigest()


def read_tasks(
    files: Sequence[LabelFiles],
    store: Catalogue,
    id_column: str = "doc_id",
    label_column: str = "label",
    options: TextOptions = PLAIN_TEXT,
) -> tuple[TaskLabels, ...]:
    """Read and check the labels of every task.

    Raises:
        UsageError: no task, a task that is named twice, a file or a column that is not there.
        DataError: labels that no head can be trained or measured on.
    """
    if not files:
        raise UsageError("no labels: give --labels TASK=TRAIN:DEV at least once")
    names = [each.task for each in files]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UsageError(f"--labels: task {twice[0]} is named twice; give each task a name of its own")
    read = [
        (
            each,
            read_labels(each.train, id_column, label_column, options),
            None if each.dev is None else read_labels(each.dev, id_column, label_column, options),
        )
        for each in files
    ]
    return tuple(_stored(each, train, dev, store) for each, train, dev in read)


def _stored(files: LabelFiles, train: Labels, dev: Labels | None, store: Catalogue) -> TaskLabels:
    kept, missing = train.partition(store.contains(train.doc_ids))
    not_stored = len(missing)
    if dev is None:
        split = Split.by_share(kept, DEV_SHARE, SPLIT_SEED)
    else:
        kept_dev, missing = dev.partition(store.contains(dev.doc_ids))
        not_stored += len(missing)
        split = Split.given(kept, kept_dev)
    if split.dev is None or len(split.dev) < 2:
        raise DataError(f"task {files.task}: only one document to measure on; label more, since an interval takes two")
    split.warn_of_unmeasured()
    return TaskLabels(files, split.train, split.dev, split.classes, not_stored)
