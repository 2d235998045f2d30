"""How often the predicted sense is right, with bootstrap intervals, alone and paired with another prediction."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from heads.metrics import BOOTSTRAP_SEED, RESAMPLES

Interval = tuple[float, float]


@dataclass(frozen=True)
class SenseScore:
    """Counts of a prediction over some test instances, in the terms of the WSD evaluation framework.

    Attributes:
        instances: all of them.
        answered: those whose word occurs in training.
        right: those answered with an accepted sense.
    """

    instances: int
    answered: int
    right: int

    @classmethod
    def of(cls, right: npt.NDArray[np.bool_], answered: npt.NDArray[np.bool_]) -> SenseScore:
        """Count; ``right`` and ``answered`` (n,)."""
        return cls(len(right), int(answered.sum()), int((right & answered).sum()))

    @property
    def precision(self) -> float:
        """Share of the answered instances that is right; on these alone it is recall and F1 as well."""
        return self.right / self.answered if self.answered else 0.0

    @property
    def recall(self) -> float:
        """Share of all instances that is right."""
        return self.right / self.instances if self.instances else 0.0

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall, over all instances."""
        asked = self.answered + self.instances
        return 2 * self.right / asked if asked else 0.0


@dataclass(frozen=True)
class PairedIntervals:
    """95 % percentile intervals over bootstrap samples of the test instances.

    Attributes:
        precision: of the prediction.
        f1: of the prediction.
        difference: of its precision, less that of the other prediction on the same instances.
    """

    precision: Interval
    f1: Interval
    difference: Interval

    @classmethod
    def of(
        cls, right: npt.NDArray[np.bool_], other: npt.NDArray[np.bool_], answered: npt.NDArray[np.bool_]
    ) -> PairedIntervals:
        """Resample.

        What counts of an instance is whether it is answered, and by which of the two rightly. To draw instances with
        replacement is therefore to draw the sizes of these few kinds from a multinomial distribution. Instances of
        one text are taken for independent, which makes the intervals a little too narrow.

        Args:
            right: (n,) whether the prediction is right.
            other: (n,) whether the one that it is compared with is.
            answered: (n,) whether the word occurs in training.
        """
        kinds = np.where(answered, 1 + 2 * right + other, 0)
        sizes = np.bincount(kinds, minlength=5)
        if not answered.any():
            return cls((0.0, 1.0), (0.0, 1.0), (-1.0, 1.0))
        random = np.random.default_rng(BOOTSTRAP_SEED)
        drawn = random.multinomial(len(kinds), sizes / sizes.sum(), size=RESAMPLES)
        there = np.maximum(drawn[:, 1:].sum(axis=1), 1)
        mine, theirs = drawn[:, 3] + drawn[:, 4], drawn[:, 2] + drawn[:, 4]
        return cls(
            precision=_percentiles(mine / there),
            f1=_percentiles(2 * mine / (there + len(kinds))),
            difference=_percentiles((mine - theirs) / there),
        )


def _percentiles(values: npt.NDArray[np.float64]) -> Interval:
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)
