"""Predictions against labels: one evaluation, as a head's artefact and `encore evaluate` give it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from featurestore.errors import DataError
from heads.labels import Labels, named
from heads.metrics import ClassCounts, bootstrap_intervals, confusion_matrix, wilson_interval


@dataclass(frozen=True)
class Evaluation:
    """How well predictions match labels.

    Attributes:
        classes: names of the classes, in the order of the confusion matrix.
        confusion: documents by true class (row) and predicted class (column).
        accuracy: share of documents predicted right.
        macro_f1: mean F1 over the classes that occur.
        mcc: Matthews' correlation.
        majority: accuracy of always predicting the most frequent class.
        intervals: metric → its 95 % interval: Wilson's for accuracy, a bootstrap's for the others.
        missing: labelled documents without a prediction; they are left out of all figures.
        unlabelled: predicted documents without a label; likewise.
    """

    classes: tuple[str, ...]
    confusion: tuple[tuple[int, ...], ...]
    accuracy: float
    macro_f1: float
    mcc: float
    majority: float
    intervals: Mapping[str, tuple[float, float]]
    missing: int = 0
    unlabelled: int = 0

    @property
    def documents(self) -> int:
        """Documents that were compared."""
        return sum(map(sum, self.confusion))

    @classmethod
    def of(
        cls,
        truth: npt.NDArray[np.int64],
        predicted: npt.NDArray[np.int64],
        classes: Sequence[str],
        *,
        missing: int = 0,
        unlabelled: int = 0,
    ) -> Evaluation:
        """Compare two arrays (documents,) of positions in ``classes``."""
        confusion = confusion_matrix(truth, predicted, len(classes))
        counts = ClassCounts.of(confusion)
        accuracy = wilson_interval(int(counts.right.sum()), len(truth))
        return cls(
            classes=tuple(classes),
            confusion=tuple(tuple(row) for row in confusion.tolist()),
            accuracy=float(counts.accuracy),
            macro_f1=float(counts.macro_f1),
            mcc=float(counts.mcc),
            majority=float(counts.truth.max(initial=0) / max(1, len(truth))),
            intervals={"accuracy": accuracy, **bootstrap_intervals(confusion)},
            missing=missing,
            unlabelled=unlabelled,
        )

    def to_dict(self) -> dict[str, Any]:
        """JSON; `from_dict` reads it back."""
        return {
            "accuracy": self.accuracy,
            "macro_f1": self.macro_f1,
            "mcc": self.mcc,
            "majority": self.majority,
            "intervals": {metric: list(interval) for metric, interval in self.intervals.items()},
            "documents": self.documents,
            "missing": self.missing,
            "unlabelled": self.unlabelled,
            "classes": list(self.classes),
            "confusion": [list(row) for row in self.confusion],
        }

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Evaluation:
        """Inverse of `to_dict`."""
        return cls(
            classes=tuple(document["classes"]),
            confusion=tuple(tuple(row) for row in document["confusion"]),
            accuracy=document["accuracy"],
            macro_f1=document["macro_f1"],
            mcc=document["mcc"],
            majority=document["majority"],
            intervals={metric: (low, high) for metric, (low, high) in document["intervals"].items()},
            missing=document["missing"],
            unlabelled=document["unlabelled"],
        )


def evaluate_predictions(
    labels: Labels, doc_ids: pa.Array | pa.ChunkedArray, predicted: pa.Array | pa.ChunkedArray
) -> Evaluation:
    """Compare the predictions of one head with labels.

    Args:
        labels: the truth.
        doc_ids: ids of the predicted documents, each once, in any order.
        predicted: the class predicted for each, as text or a dictionary of texts.

    Raises:
        DataError: a document is predicted twice, or none of the labelled ones is predicted.
    """
    ids = pa.array(doc_ids) if not isinstance(doc_ids, pa.ChunkedArray) else doc_ids.combine_chunks()
    _require_once(ids)
    found = pc.index_in(labels.doc_ids, value_set=ids.cast(pa.string()))
    matched = labels.filter(found.is_valid())
    if not len(matched):
        raise DataError(
            f"{labels.source}: none of its {len(labels)} labelled documents is among the {len(ids)} predicted ones "
            f"(labelled: {named(labels.doc_ids)}; predicted: {named(ids)}); is it the right label file?"
        )
    answers = predicted.take(found.drop_null()).cast(pa.string())
    answers = answers.combine_chunks() if isinstance(answers, pa.ChunkedArray) else answers
    classes = sorted({*pc.unique(matched.labels).to_pylist(), *pc.unique(answers).to_pylist()})
    missing = len(labels) - len(matched)
    truth, said = (_codes(values, classes) for values in (matched.labels, answers))
    return Evaluation.of(truth, said, classes, missing=missing, unlabelled=len(ids) - len(matched))


def _require_once(ids: pa.Array) -> None:
    counts = pc.value_counts(ids)
    twice = counts.field("values").filter(pc.greater(counts.field("counts"), 1))
    if len(twice):
        raise DataError(f"predictions: {len(twice)} documents come twice ({named(twice)}); evaluate one head at a time")


def _codes(values: pa.Array, classes: Sequence[str]) -> npt.NDArray[np.int64]:
    codes: npt.NDArray[np.int64] = (
        pc.index_in(values, value_set=pa.array(classes, pa.string())).to_numpy().astype(np.int64)
    )
    return codes
