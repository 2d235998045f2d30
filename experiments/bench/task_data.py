"""The documents and labels of one task. They are read, checked and cut to size before any long work starts."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from encore.encoders import DocumentBlock
from encore.experiments.bench.task_registry import Task
from encore.featurestore import DataError, UsageError
from encore.featurestore.common import counted
from encore.featurestore.documents import key_hashes, text_digests
from encore.heads.labels import Labels, in_order, label_column_of, named, named_classes, read_columns, written_otherwise
from encore.tablefiles.names import shown_name

TASK_COLUMNS = ("doc_id", "text", "text_pair", "label")


@dataclass(frozen=True, eq=False)
class TaskPart:
    """Training or dev documents of a task.

    Attributes:
        table: strings ``doc_id``, ``text``, ``text_pair`` (null for a single text) and ``label``, in the order of the
            ids' hashes. Each id occurs once. The part's name is its prefix, so that two parts never share an id.
        source: the file, for messages.
    """

    table: pa.Table
    source: str

    def __len__(self) -> int:
        """Number of documents."""
        return int(self.table.num_rows)

    @property
    def documents(self) -> DocumentBlock:
        """The texts, to be encoded."""
        ids, texts, pairs = (self.table[name].combine_chunks() for name in TASK_COLUMNS[:3])
        return DocumentBlock.build(ids, texts, pairs)

    @property
    def given_ids(self) -> pa.Array:
        """The ids as the file has them, without the part's name."""
        return pc.replace_substring_regex(self.table["doc_id"].combine_chunks(), r"\A[a-z]+:", "")

    @property
    def labels(self) -> Labels:
        """The labels, for training from a store."""
        return Labels(self.table["doc_id"].combine_chunks(), self.table["label"].combine_chunks(), self.source)

    def codes(self, classes: tuple[str, ...]) -> npt.NDArray[np.int64]:
        """(documents,) position of each one's class in ``classes``."""
        return self.labels.codes(classes)


@dataclass(frozen=True, eq=False)
class TaskData:
    """A task with its documents.

    Attributes:
        task: names and files.
        classes: names of the classes, in the order of `in_order`.
        train: documents to learn from.
        dev: documents to measure on.

    Raises:
        DataError: fewer than two classes, or dev classes that training lacks.
    """

    task: Task
    classes: tuple[str, ...]
    train: TaskPart
    dev: TaskPart

    @property
    def digest(self) -> str:
        """sha256 (hex) of every id, text and label, training and dev."""
        digest = hashlib.sha256()
        for part in (self.train, self.dev):
            table = part.table
            texts = text_digests(table["text"].combine_chunks(), table["text_pair"].combine_chunks())
            hexes = pa.array([value.hex() for value in texts.to_pylist()], pa.string())
            rows = pc.binary_join_element_wise(table["doc_id"].combine_chunks(), hexes, table["label"], "\0")
            digest.update("\n".join(rows.to_pylist()).encode())
        return digest.hexdigest()


def read_task(task: Task, train_rows: int | None = None, dev_rows: int | None = None) -> TaskData:
    """Read a task's files.

    Args:
        task: names the files.
        train_rows: most training documents: those with the smallest hashes of their ids; None takes all.
        dev_rows: most dev documents, chosen in the same way.

    Raises:
        UsageError: a file or a column is missing, or a number of rows is below 1.
        DataError: a row cannot be used, there is only one class, or training lacks a dev class.
    """
    train = _read_part(task, "train", task.train, train_rows)
    dev = _read_part(task, "dev", task.dev, dev_rows)
    classes = train.labels.classes
    if len(classes) < 2:
        raise DataError(
            f"task {task.name}: every training document is {shown_name(classes[0])!r}; a task needs two classes;"
            " label others"
        )
    unseen = in_order(set(dev.labels.classes) - set(classes))
    if unseen:
        raise DataError(
            f"task {task.name}: dev classes {named_classes(unseen)} have no training document"
            f"{written_otherwise(unseen, classes)}; label some, take more training rows, or leave them out"
        )
    return TaskData(task, classes, train, dev)


def _read_part(task: Task, part: str, path: str, rows: int | None) -> TaskPart:
    if rows is not None and rows < 1:
        raise UsageError(f"{part} rows {rows}: expected at least 1")
    names = {"doc_id": task.id_column, "text": task.text_column, "label": task.label_column}
    if task.pair_column is not None:
        names["text_pair"] = task.pair_column
    table = read_columns(path, task.id_column, tuple(names.values()))
    columns: dict[str, Any] = {name: table[column].combine_chunks() for name, column in names.items()}
    columns["label"] = label_column_of(columns["label"], path)
    pairs = columns.get("text_pair", pa.nulls(table.num_rows, pa.string()))
    columns["text_pair"] = pc.if_else(pc.equal(pairs, ""), pa.scalar(None, pa.string()), pairs)
    _refuse_unusable(task, path, columns)
    columns["doc_id"] = pc.binary_join_element_wise(pa.scalar(part), columns["doc_id"], ":")
    whole = pa.table({name: columns[name] for name in TASK_COLUMNS})
    order = np.argsort(np.array(key_hashes(columns["doc_id"]).to_pylist(), dtype="S16"), kind="stable")
    return TaskPart(whole.take(pa.array(order[:rows])), path)


def _refuse_unusable(task: Task, path: str, columns: dict[str, Any]) -> None:
    """Raise DataError unless every row has an id of its own, a text and a label."""
    if not len(columns["doc_id"]):
        raise DataError(f"task {task.name}: {path} holds no rows; add documents")
    for name in ("doc_id", "text", "label"):
        blank = pc.fill_null(pc.equal(pc.utf8_trim_whitespace(columns[name]), ""), fill_value=True)
        count = pc.sum(blank).as_py()
        if count:
            raise DataError(
                f"task {task.name}: {path}: {counted(count, 'row')} without a {name}, "
                f"row {blank.index(True).as_py()} is the first; complete them or leave them out"
            )
    counts = pc.value_counts(columns["doc_id"])
    twice = counts.field("values").filter(pc.greater(counts.field("counts"), 1))
    if len(twice):
        raise DataError(
            f"task {task.name}: {path}: ids occur more than once ({named(twice)}); give every document its own id"
        )
