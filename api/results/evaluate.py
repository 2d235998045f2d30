"""`encore.evaluate`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace
from os import PathLike

from encore.api.arguments.tables import Table, labels_of
from encore.api.arguments.types import typed
from encore.featurestore.common import several
from encore.heads.artefact import Head
from encore.heads.metrics import Evaluation, evaluate_predictions
from encore.pipelines.head_registry import HeadPredictions, read_predictions
from encore.pipelines.predictions import head_name
from encore.tablefiles import TextOptions


class PredictionSet(ABC):
    """Predictions of one head or several, which can be compared with labels."""

    @abstractmethod
    def of_head(self, head: str | None) -> HeadPredictions:
        """The predictions of one head, by its task, ``task@digest`` or folder. None takes the only head."""

    def evaluate(
        self, head: str | Head | None, labels: Table, *, id_column: str = "doc_id", label_column: str = "label"
    ) -> Evaluation:
        """Compare the predictions of one head with labels, as `encore.evaluate` does.

        Args:
            head: its task, ``task@digest``, or the `Head`. None takes the only head.
            labels: ids and labels: a file, or a table in memory.
            id_column: column of the document ids.
            label_column: column of the labels.

        Raises:
            UsageError: no such head or column.
            DataError: none of the labelled documents has a prediction, or a label is not a class of the head.
        """
        return evaluate(self, labels, head=head, id_column=id_column, label_column=label_column)


@typed
def evaluate(
    predictions: PredictionSet | str | PathLike[str],
    labels: Table,
    *,
    head: str | PathLike[str] | Head | None = None,
    id_column: str = "doc_id",
    label_column: str = "label",
    encoding: str = "utf-8",
    csv_delimiter: str | None = None,
    csv_escape: str | None = None,
) -> Evaluation:
    """Compare predictions with labels: accuracy, macro F1, MCC and confusion, with 95 % intervals.

    Args:
        predictions: the result of `encore.backfill` or `encore.predict`, a folder that backfill wrote, or a file that
            ``encore predict`` wrote.
        labels: ids and labels: a Parquet, Arrow, JSON or CSV file, or a table in memory.
        head: task, ``task@digest``, `Head` or folder of the head. Needed only if there are several heads.
        id_column: column of the document ids.
        label_column: column of the labels.
        encoding: of JSON and CSV files, as Python names it.
        csv_delimiter: the character between CSV cells. If None, a comma, or a tab in ``.tsv`` files.
        csv_escape: the character before a quote inside a quoted CSV cell, as in `encore.encode`.

    Raises:
        UsageError: no predictions, no such column, or not exactly one head matches.
        DataError: none of the labelled documents has a prediction, or a label is not a class of the head.
        StoreError: a file is missing or damaged.
    """
    text = TextOptions(encoding, csv_delimiter, csv_escape)
    found = _found(predictions, head)
    given = labels_of(labels, id_column, label_column, text, "labels")
    return evaluate_predictions(
        given, found.table["doc_id"], found.table["label"], classes=found.classes, trained_on=found.trained_on
    )


def name_of(head: str | PathLike[str] | Head | None) -> str | None:
    """The name by which predictions of a head are found: its task, ``task@digest`` or folder. None stays None."""
    if head is None or isinstance(head, Head):
        return None if head is None else head_name(head)
    return str(several(head, "head", "str")[0])


def _found(
    predictions: PredictionSet | str | PathLike[str], head: str | PathLike[str] | Head | None
) -> HeadPredictions:
    """The predictions of the head that matches, with its classes and training documents."""
    name = name_of(head)
    if isinstance(predictions, PredictionSet):
        found = predictions.of_head(name)
    else:
        found = read_predictions(several(predictions, "predictions", "str")[0], name)
    return replace(found, classes=head.classes, trained_on=head.trained_on) if isinstance(head, Head) else found
