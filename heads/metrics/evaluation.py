"""Predictions against labels. A head's artefact and `encore evaluate` hold the same evaluation."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from encore.featurestore.errors import DataError
from encore.featurestore.summary import Summary, SummaryMixin
from encore.heads.metrics.class_counts import ClassCounts, Interval, bootstrap_intervals, wilson_interval
from encore.heads.metrics.confusion import Confusion
from encore.tablefiles.names import shown_name

CLASS_ROWS = 50
"""Most classes that a notebook's table has rows for."""


@dataclass(frozen=True, repr=False)
class Evaluation(SummaryMixin):
    """How well predictions match labels.

    Attributes:
        classes: names of the classes that occur, in the order of the confusion matrix.
        confusion: documents by true and predicted class.
        accuracy: share of documents predicted right.
        macro_f1: mean F1 over the classes that occur.
        mcc: Matthews' correlation; None where all documents are of one class, since it is not defined there.
        majority: accuracy of always predicting the most frequent class.
        intervals: metric → its 95 % interval: Wilson's for accuracy, a bootstrap's for the others; None where the
            bootstrap says nothing (`bootstrap_intervals`).
        missing: number of labelled documents without a prediction. No figure counts them.
        unlabelled: number of predicted documents without a label. No figure counts them.
        trained_on: number of compared documents that the head was trained on; None where that is not known.
    """

    classes: tuple[str, ...]
    confusion: Confusion
    accuracy: float
    macro_f1: float
    mcc: float | None
    majority: float
    intervals: Mapping[str, Interval | None]
    missing: int = 0
    unlabelled: int = 0
    trained_on: int | None = None

    @property
    def documents(self) -> int:
        """Documents that were compared."""
        return sum(self.confusion.documents)

    @property
    def accuracy_interval(self) -> Interval:
        """95 % interval of the accuracy, which is always defined."""
        interval = self.intervals["accuracy"]
        if interval is None:
            raise ValueError("the accuracy has no interval")
        return interval

    @property
    def measures_training(self) -> bool:
        """Whether the head was trained on at least half of the compared documents."""
        return self.trained_on is not None and 2 * self.trained_on >= self.documents

    @property
    def counts(self) -> ClassCounts:
        """Numbers of documents by class: predicted right, of the class, predicted as the class."""
        return ClassCounts.of(self.confusion)

    def __str__(self) -> str:
        return self._summary().text()

    def _summary(self) -> Summary:
        figures = {"accuracy": self.accuracy, "macro F1": self.macro_f1, "MCC": self.mcc}
        values = {
            name: _with_interval(value, self.intervals.get(name.lower().replace(" ", "_")))
            for name, value in figures.items()
        }
        rows: list[tuple[str, object]] = [*values.items(), ("majority class", f"{self.majority:.4f}")]
        rows.append(("documents", f"{self.documents:,} compared"))
        if self.missing:
            rows.append(("missing", f"{self.missing:,} labelled, not predicted"))
        if self.trained_on:
            rows.append(("trained on", f"{self.trained_on:,} of those compared"))
        counts = self.counts
        by_class = list(zip(self.classes, counts.truth, counts.predicted, counts.right, strict=True))
        if len(by_class) > CLASS_ROWS:
            rows.append(("classes", f"{len(by_class):,}; the first {CLASS_ROWS} are shown"))
        return Summary(
            kind="Evaluation",
            name=f"of {self.documents:,} documents",
            facts=[f"{name} {value}" for name, value in values.items()],
            rows=rows,
            columns=("class", "documents", "predicted", "right"),
            table=[(shown_name(name), *(f"{int(it):,}" for it in numbers)) for name, *numbers in by_class[:CLASS_ROWS]],
        )

    @classmethod
    def of(
        cls,
        truth: npt.NDArray[np.int64],
        predicted: npt.NDArray[np.int64],
        classes: Sequence[str],
        *,
        missing: int = 0,
        unlabelled: int = 0,
        trained_on: int | None = None,
    ) -> Evaluation:
        """Compare two arrays (documents,) of positions in ``classes``.

        Raises:
            DataError: there is no document.
        """
        if not len(truth):
            raise DataError("no document to measure on; are its labelled documents stored?")
        confusion = Confusion.of(truth, predicted, len(classes))
        counts = ClassCounts.of(confusion)
        mcc = float(counts.mcc)
        return cls(
            classes=tuple(classes),
            confusion=confusion,
            accuracy=float(counts.accuracy),
            macro_f1=float(counts.macro_f1),
            mcc=None if math.isnan(mcc) else mcc,
            majority=float(counts.truth.max() / len(truth)),
            intervals={
                "accuracy": wilson_interval(int(counts.right.sum()), len(truth)),
                **bootstrap_intervals(confusion),
            },
            missing=missing,
            unlabelled=unlabelled,
            trained_on=trained_on,
        )

    def to_dict(self) -> dict[str, Any]:
        """JSON; `from_dict` reads it back."""
        return {
            "accuracy": self.accuracy,
            "macro_f1": self.macro_f1,
            "mcc": self.mcc,
            "majority": self.majority,
            "intervals": {metric: interval and list(interval) for metric, interval in self.intervals.items()},
            "documents": self.documents,
            "missing": self.missing,
            "unlabelled": self.unlabelled,
            "trained_on": self.trained_on,
            "classes": list(self.classes),
            "confusion": self.confusion.to_json(),
        }

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Evaluation:
        """Inverse of `to_dict`."""
        classes = tuple(document["classes"])
        intervals = {
            metric: interval and (interval[0], interval[1]) for metric, interval in document["intervals"].items()
        }
        return cls(
            classes=classes,
            confusion=Confusion.from_json(document["confusion"], len(classes)),
            accuracy=document["accuracy"],
            macro_f1=document["macro_f1"],
            mcc=document["mcc"],
            majority=document["majority"],
            intervals=intervals,
            missing=document["missing"],
            unlabelled=document["unlabelled"],
            trained_on=document["trained_on"],
        )


def _with_interval(value: float | None, interval: Interval | None) -> str:
    """A figure in words, with its interval if there is one; ``not defined`` for None."""
    if value is None:
        return "not defined"
    return f"{value:.4f}" + ("" if interval is None else f" ({interval[0]:.4f} to {interval[1]:.4f})")
