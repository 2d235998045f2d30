"""How good predictions are: accuracy, macro F1, Matthews' correlation, confusion, and 95 % intervals.

Every figure follows from three counts a class: documents predicted right, documents of the class, documents predicted
as the class. They are arrays whose last axis is the class, so that a bootstrap computes all its resamples at once.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from encore.heads.metrics.confusion import Confusion

Interval = tuple[float, float]
"""Lower and upper end of an interval."""

Z_95 = 1.959963984540054
"""97.5 % quantile of the normal distribution."""

RESAMPLES = 1000
RESAMPLE_CELLS = 1 << 22
"""Counts that a bootstrap draws at a time: it bounds memory where there are many classes."""

SAME = 1e-12
"""Figures that differ by no more than this differ by rounding alone."""

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
    def of(cls, confusion: Confusion) -> ClassCounts:
        """Counts of a confusion matrix."""
        truth, predicted, documents = confusion.cells
        return _class_counts(truth, predicted, documents, confusion.classes)

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
        """(...) Matthews' correlation, for any number of classes (Gorodkin, 2004).

        NaN where the truth is one class alone: there is nothing to correlate with. Where the predictions are one class
        alone it is 0 by convention: they tell no classes apart.
        """
        right, truth, predicted = (part.astype(np.float64) for part in (self.right, self.truth, self.predicted))
        documents = truth.sum(axis=-1)
        covariance = right.sum(axis=-1) * documents - (truth * predicted).sum(axis=-1)
        variances = (documents**2 - (truth**2).sum(axis=-1)) * (documents**2 - (predicted**2).sum(axis=-1))
        told_apart = (truth > 0).sum(axis=-1) > 1
        return np.where(told_apart, _ratio(covariance, np.sqrt(variances)), np.nan)


def wilson_interval(right: int, documents: int) -> Interval:
    """95 % interval of a share (Wilson, 1927): unlike the normal one it holds near 0 and 1, and for few documents."""
    if documents == 0:
        return 0.0, 1.0
    share = right / documents
    spread = Z_95 * math.sqrt(share * (1 - share) / documents + (Z_95 / (2 * documents)) ** 2)
    middle = share + Z_95**2 / (2 * documents)
    scale = 1 + Z_95**2 / documents
    return max(0.0, (middle - spread) / scale), min(1.0, (middle + spread) / scale)


def percentile_interval(values: npt.NDArray[np.float64]) -> Interval:
    """95 % interval of a figure whose bootstrap samples are ``values`` (n,): its ends are percentiles of them."""
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)


def bootstrap_intervals(confusion: Confusion) -> dict[str, Interval | None]:
    """95 % percentile intervals of ``macro_f1`` and ``mcc`` over `RESAMPLES` bootstrap samples of the documents.

    Drawing documents with replacement is the same as drawing the cells of the confusion matrix from a multinomial
    distribution. A sample with a single class has no correlation; its ``mcc`` counts as 0.

    An interval is None where the samples say nothing, in two cases. The interval has no width, for example without a
    single error. Or it does not contain the figure: most samples miss or repeat a class of one or two documents.
    """
    truth, predicted, counts = confusion.cells
    documents = int(counts.sum())
    if documents == 0:
        return {"macro_f1": None, "mcc": None}
    random = np.random.default_rng(BOOTSTRAP_SEED)
    at_once = max(1, RESAMPLE_CELLS // max(len(counts), confusion.classes))
    drawn: dict[str, list[npt.NDArray[np.float64]]] = {"macro_f1": [], "mcc": []}
    for start in range(0, RESAMPLES, at_once):
        sample = random.multinomial(documents, counts / documents, size=min(at_once, RESAMPLES - start))
        resampled = _class_counts(truth, predicted, sample, confusion.classes)
        drawn["macro_f1"].append(resampled.macro_f1)
        drawn["mcc"].append(resampled.mcc)
    found = ClassCounts.of(confusion)
    return {
        name: _telling_interval(np.concatenate(values), float(getattr(found, name))) for name, values in drawn.items()
    }


def _class_counts(
    truth: npt.NDArray[np.int64], predicted: npt.NDArray[np.int64], documents: npt.NDArray[np.int64], classes: int
) -> ClassCounts:
    """Counts by class from confusion matrices: ``truth`` and ``predicted`` (cells,), ``documents`` (…, cells)."""
    return ClassCounts(
        _sum_by_class(np.where(truth == predicted, documents, 0), truth, classes),
        _sum_by_class(documents, truth, classes),
        _sum_by_class(documents, predicted, classes),
    )


def _sum_by_class(counts: npt.NDArray[np.int64], owners: npt.NDArray[np.int64], classes: int) -> npt.NDArray[np.int64]:
    """Sums (…, classes) of ``counts`` (…, cells): ``owners`` (cells,) says to which class a cell is added."""
    order = np.argsort(owners, kind="stable")
    present, starts = np.unique(owners[order], return_index=True)
    sums = np.zeros((*counts.shape[:-1], classes), np.int64)
    if len(present):
        sums[..., present] = np.add.reduceat(counts[..., order], starts, axis=-1)
    return sums


def _telling_interval(values: npt.NDArray[np.float64], figure: float) -> Interval | None:
    """The interval of a figure from its bootstrap samples; None where they say nothing."""
    low, high = percentile_interval(np.nan_to_num(values))
    return (low, high) if high - low > SAME and low - SAME <= figure <= high + SAME else None


def _ratio(numerator: npt.NDArray[np.number], denominator: npt.NDArray[np.number]) -> npt.NDArray[np.float64]:
    """Quotient; 0 where the denominator is 0."""
    above = np.asarray(denominator) > 0
    quotient: npt.NDArray[np.float64] = np.divide(
        numerator, denominator, out=np.zeros(np.shape(denominator)), where=above
    )
    return quotient
