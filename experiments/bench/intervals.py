"""95 % intervals of means over seeds, over documents and over tasks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from encore.heads.metrics import Z_95, Interval, wilson_interval

Float64s = npt.NDArray[np.float64]

T_95 = (
    *(12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060, 2.2622, 2.2281),
    *(2.2010, 2.1788, 2.1604, 2.1448, 2.1314, 2.1199, 2.1098, 2.1009, 2.0930, 2.0860),
    *(2.0796, 2.0739, 2.0687, 2.0639, 2.0595, 2.0555, 2.0518, 2.0484, 2.0452, 2.0423),
)
"""97.5 % quantiles of Student's t with 1, 2, … degrees of freedom. Beyond 30 the normal quantile is within 4 %."""


def t_quantile(freedom: float) -> float:
    """97.5 % quantile of Student's t. Degrees of freedom are rounded down."""
    return T_95[max(1, int(freedom)) - 1] if freedom < len(T_95) + 1 else Z_95


def half_width(values: Float64s) -> float | None:
    """Half the 95 % interval of the mean of ``values`` (n,), by Student's t. None for a single value."""
    count = len(values)
    if count < 2:
        return None
    return float(t_quantile(count - 1) * values.std(ddof=1) / math.sqrt(count))


def sampling_half_width(accuracies: Float64s, documents: npt.NDArray[np.int64]) -> float:
    """Half the 95 % interval of a mean accuracy over tasks, where only the dev documents are a sample.

    Args:
        accuracies: (tasks,) shares.
        documents: (tasks,) dev documents of each.
    """
    variance = (accuracies * (1 - accuracies) / documents).sum() / len(accuracies) ** 2
    return float(Z_95 * math.sqrt(variance))


@dataclass(frozen=True)
class Estimate:
    """A mean with its sampling variance.

    Attributes:
        mean: the mean.
        variance: variance of the mean.
        freedom: degrees of freedom of the variance's estimate (by Welch–Satterthwaite where the variance is a sum).
    """

    mean: float
    variance: float
    freedom: float

    @classmethod
    def of(cls, values: Float64s) -> Estimate:
        """The mean over seeds and documents, where both are samples.

        The variance has two parts: the variance of the documents' means over seeds, divided by the number of documents,
        and the variance of the seeds' means over documents, divided by the number of seeds. Variation with both counts
        twice, so that the interval is rather too wide. With a single seed only the first part is known.

        Args:
            values: (seeds, documents), at least two documents.
        """
        seeds, documents = values.shape
        parts = [(float(values.mean(axis=0).var(ddof=1)) / documents, documents - 1)]
        if seeds > 1:
            parts.append((float(values.mean(axis=1).var(ddof=1)) / seeds, seeds - 1))
        return cls(float(values.mean()), *_summed(parts))

    @classmethod
    def of_accuracy(cls, right: npt.NDArray[np.bool_]) -> Estimate:
        """The mean accuracy. ``right`` (seeds, documents) is bool: whether a document was predicted right.

        Where all documents are right, or none, they do not vary. Then the half width comes from Wilson's interval: it
        is the distance from the mean to the interval's other end.
        """
        found = cls.of(right.astype(np.float64))
        if found.variance > 0:
            return found
        documents = right.shape[1]
        low, high = wilson_interval(round(found.mean * documents), documents)
        return cls(found.mean, ((high - low) / Z_95) ** 2, math.inf)

    @classmethod
    def average(cls, estimates: Sequence[Estimate]) -> Estimate:
        """The mean of independent estimates, for example over tasks. The tasks themselves are not a sample."""
        count = len(estimates)
        parts = [(each.variance / count**2, each.freedom) for each in estimates]
        return cls(sum(each.mean for each in estimates) / count, *_summed(parts))

    @property
    def half_width(self) -> float:
        """Half the 95 % interval, by Student's t."""
        return t_quantile(self.freedom) * math.sqrt(self.variance)

    @property
    def interval(self) -> Interval:
        """95 % interval."""
        return self.mean - self.half_width, self.mean + self.half_width


def _summed(parts: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Variance and degrees of freedom of a sum of independent (variance, degrees of freedom)."""
    variance = sum(part for part, _ in parts)
    spread = sum(part**2 / freedom for part, freedom in parts)
    return variance, variance**2 / spread if spread else math.inf
