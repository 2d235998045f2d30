"""How good predictions are: accuracy, macro F1, Matthews' correlation, confusion, and 95 % intervals.

Every figure follows from three counts a class: documents predicted right, documents of the class, documents predicted
as the class. They are arrays whose last axis is the class, so that a bootstrap computes all its resamples at once.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Z_95 = 1.959963984540054
"""97.5 % quantile of the normal distribution."""

RESAMPLES = 1000
RESAMPLE_CELLS = 1 << 22
"""Counts that a bootstrap draws at a time: it bounds memory where there are many classes."""

BOOTSTRAP_SEED = 20200429
"""Fixed, so that the same predictions have the same interval everywhere."""


@dataclass(frozen=True)
class ClassCounts:
    """Counts by class.

    Attributes:
        right: (..., classes) documents of the class predicted as such.
        truth: (..., classes) documents of the class.
        predicted: (..., classes) documents predicted as the class.
    """

    right: npt.NDArray[np.int64]
    truth: npt.NDArray[np.int64]
    predicted: npt.NDArray[np.int64]

    @classmethod
    def of(cls, confusion: npt.NDArray[np.int64]) -> ClassCounts:
        """Counts of a confusion matrix (classes, classes): truth by row, prediction by column."""
        return cls(np.diagonal(confusion).copy(), confusion.sum(axis=1), confusion.sum(axis=0))

    @property
    def accuracy(self) -> npt.NDArray[np.float64]:
        """(...) share of documents predicted right; 0 where there are none."""
        return _ratio(self.right.sum(axis=-1), self.truth.sum(axis=-1))

    @property
    def macro_f1(self) -> npt.NDArray[np.float64]:
        """(...) mean F1 over the classes that occur in the truth or in the predictions."""
        occurring = self.truth + self.predicted
        return _ratio(_ratio(2 * self.right, occurring).sum(axis=-1), (occurring > 0).sum(axis=-1))

    @property
    def mcc(self) -> npt.NDArray[np.float64]:
        """(...) Matthews' correlation, for any number of classes (Gorodkin, 2004); 0 where it is not defined."""
        right, truth, predicted = (part.astype(np.float64) for part in (self.right, self.truth, self.predicted))
        documents = truth.sum(axis=-1)
        covariance = right.sum(axis=-1) * documents - (truth * predicted).sum(axis=-1)
        variances = (documents**2 - (truth**2).sum(axis=-1)) * (documents**2 - (predicted**2).sum(axis=-1))
        return _ratio(covariance, np.sqrt(variances))


def confusion_matrix(
    truth: npt.NDArray[np.int64], predicted: npt.NDArray[np.int64], classes: int
) -> npt.NDArray[np.int64]:
    """(classes, classes) documents by true class (row) and predicted class (column)."""
    return np.bincount(truth * classes + predicted, minlength=classes * classes).reshape(classes, classes)


def wilson_interval(right: int, documents: int) -> tuple[float, float]:
    """95 % interval of a share (Wilson, 1927): unlike the normal one it holds near 0 and 1, and for few documents."""
    if documents == 0:
        return 0.0, 1.0
    share = right / documents
    spread = Z_95 * math.sqrt(share * (1 - share) / documents + (Z_95 / (2 * documents)) ** 2)
    middle = share + Z_95**2 / (2 * documents)
    scale = 1 + Z_95**2 / documents
    return max(0.0, (middle - spread) / scale), min(1.0, (middle + spread) / scale)


def bootstrap_intervals(confusion: npt.NDArray[np.int64]) -> dict[str, tuple[float, float]]:
    """95 % percentile intervals of ``macro_f1`` and ``mcc`` over `RESAMPLES` bootstrap samples of the documents.

    Drawing documents with replacement is drawing the confusion matrix's cells from a multinomial distribution.
    """
    cells = np.argwhere(confusion)
    counts = confusion[tuple(cells.T)]
    documents = int(counts.sum())
    if documents == 0:
        return {"macro_f1": (0.0, 1.0), "mcc": (-1.0, 1.0)}
    random = np.random.default_rng(BOOTSTRAP_SEED)
    at_once = max(1, RESAMPLE_CELLS // max(len(cells), len(confusion)))
    drawn: dict[str, list[npt.NDArray[np.float64]]] = {"macro_f1": [], "mcc": []}
    for start in range(0, RESAMPLES, at_once):
        sample = random.multinomial(documents, counts / documents, size=min(at_once, RESAMPLES - start))
        resampled = _class_counts(cells, sample, len(confusion))
        drawn["macro_f1"].append(resampled.macro_f1)
        drawn["mcc"].append(resampled.mcc)
    return {name: _percentiles(np.concatenate(values)) for name, values in drawn.items()}


def _class_counts(cells: npt.NDArray[np.int64], sample: npt.NDArray[np.int64], classes: int) -> ClassCounts:
    """Counts of confusion matrices given by the counts (resamples, cells) of their cells (cells, 2)."""
    truth, predicted = cells.T
    return ClassCounts(
        _sum_by_class(np.where(truth == predicted, sample, 0), truth, classes),
        _sum_by_class(sample, truth, classes),
        _sum_by_class(sample, predicted, classes),
    )


def _sum_by_class(sample: npt.NDArray[np.int64], owners: npt.NDArray[np.int64], classes: int) -> npt.NDArray[np.int64]:
    """(resamples, classes) sums of the columns of ``sample`` that each class owns."""
    order = np.argsort(owners, kind="stable")
    present, starts = np.unique(owners[order], return_index=True)
    sums = np.zeros((len(sample), classes), np.int64)
    sums[:, present] = np.add.reduceat(sample[:, order], starts, axis=1)
    return sums


def _percentiles(values: npt.NDArray[np.float64]) -> tuple[float, float]:
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)


def _ratio(numerator: npt.NDArray[np.number], denominator: npt.NDArray[np.number]) -> npt.NDArray[np.float64]:
    """Quotient; 0 where the denominator is."""
    above = np.asarray(denominator) > 0
    quotient: npt.NDArray[np.float64] = np.divide(
        numerator, denominator, out=np.zeros(np.shape(denominator)), where=above
    )
    return quotient
