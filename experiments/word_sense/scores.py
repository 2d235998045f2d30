"""How often the predicted sense is right, with bootstrap intervals, alone and paired with another prediction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from encore.heads.metrics import BOOTSTRAP_SEED, RESAMPLES, Interval, percentile_interval

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Coverage:
    """Which test instances can be answered, known before any features are read.

    Attributes:
        covered: (n,) whether training has the instance's word.
        fallback: (n,) whether it has not, and the fallback names a sense.
        fallback_right: (n,) whether that sense is accepted.
    """

    covered: Flags
    fallback: Flags
    fallback_right: Flags

    @classmethod
    def of(cls, covered: Flags, fallback: Flags | None = None, right: Flags | None = None) -> Self:
        """Make it from masks: which instances are covered, and which the fallback answers, and answers rightly."""
        none = np.zeros(len(covered), bool)
        answered = none if fallback is None else fallback & ~covered
        return cls(covered, answered, none if right is None else right & answered)

    def __getitem__(self, rows: Flags) -> Coverage:
        """The coverage of some of the instances; ``rows`` is a mask."""
        return Coverage(self.covered[rows], self.fallback[rows], self.fallback_right[rows])


@dataclass(frozen=True)
class SenseScore:
    """Counts of a prediction over some test instances, in the terms of the WSD evaluation framework.

    Attributes:
        instances: all of them.
        covered: those whose word occurs in training.
        right: those of them with an accepted sense as the answer.
        fallback: those whose word training lacks, and which the fallback answers.
        fallback_right: those of them with an accepted sense as the answer.
    """

    instances: int
    covered: int
    right: int
    fallback: int = 0
    fallback_right: int = 0

    @classmethod
    def of(cls, right: Flags, coverage: Coverage) -> SenseScore:
        """Count; ``right`` (n,) counts where an instance is covered."""
        counts = (right & coverage.covered, coverage.fallback, coverage.fallback_right)
        return cls(len(right), int(coverage.covered.sum()), *(int(flags.sum()) for flags in counts))

    @property
    def on_covered(self) -> float:
        """Share of the covered instances that is right: precision, recall and F1 on these alone."""
        return self.right / self.covered if self.covered else 0.0

    @property
    def recall(self) -> float:
        """Share of all instances that is right."""
        return (self.right + self.fallback_right) / self.instances if self.instances else 0.0

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall, over all instances."""
        asked = self.covered + self.fallback + self.instances
        return 2 * (self.right + self.fallback_right) / asked if asked else 0.0


@dataclass(frozen=True)
class PairedIntervals:
    """95 % percentile intervals over bootstrap samples of the test instances.

    Attributes:
        on_covered: of the prediction.
        f1: of the prediction.
        difference: on the covered instances, less that of the other prediction.
    """

    on_covered: Interval
    f1: Interval
    difference: Interval

    @classmethod
    def of(cls, right: Flags, other: Flags, coverage: Coverage) -> PairedIntervals:
        """Resample.

        Instances fall into a few kinds: covered, answered by the fallback, or unanswered, and whether each prediction
        is right. Drawing instances with replacement is the same as drawing the sizes of these kinds from a multinomial
        distribution. Instances of one text count as independent, which makes the intervals a little too narrow.

        Args:
            right: (n,) whether the prediction is right.
            other: (n,) whether the one that it is compared with is.
            coverage: of the instances.
        """
        kinds = np.where(coverage.covered, 1 + 2 * right + other, 0)
        kinds[coverage.fallback] = 5 + coverage.fallback_right[coverage.fallback]
        sizes = np.bincount(kinds, minlength=7)
        if not coverage.covered.any():
            return cls((0.0, 1.0), (0.0, 1.0), (-1.0, 1.0))
        random = np.random.default_rng(BOOTSTRAP_SEED)
        drawn = random.multinomial(len(kinds), sizes / sizes.sum(), size=RESAMPLES)
        there, fallback = np.maximum(drawn[:, 1:5].sum(axis=1), 1), drawn[:, 5] + drawn[:, 6]
        mine, theirs = drawn[:, 3] + drawn[:, 4], drawn[:, 2] + drawn[:, 4]
        return cls(
            on_covered=percentile_interval(mine / there),
            f1=percentile_interval(2 * (mine + drawn[:, 6]) / (there + fallback + len(kinds))),
            difference=percentile_interval((mine - theirs) / there),
        )
