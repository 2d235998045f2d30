"""Scores by their definitions, and intervals by resampling instances one by one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from encore.experiments.word_sense.scores import Coverage, PairedIntervals, SenseScore

FLAGS = st.lists(st.tuples(*[st.booleans()] * 4), max_size=30)


@given(FLAGS)
def test_the_covered_count_alone_and_f1_is_the_harmonic_mean_over_all_with_the_fallback(
    flags: list[tuple[bool, bool, bool, bool]],
) -> None:
    right, covered, fallback, fallback_right = (np.array([row[k] for row in flags], bool) for k in range(4))
    score = SenseScore.of(right, Coverage.of(covered, fallback, fallback_right))
    answers = [r if c else (s if f else None) for r, c, f, s in flags]
    hits, answered = sum(answer is True for answer in answers), sum(answer is not None for answer in answers)
    precision, recall = (hits / total if total else 0 for total in (answered, len(flags)))
    assert score.recall == recall
    assert score.f1 == pytest.approx(2 * precision * recall / (precision + recall) if hits else 0)
    alone = [r for r, c, _, _ in flags if c]
    assert score.on_covered == (sum(alone) / len(alone) if alone else 0)


def test_intervals_are_those_of_resampled_instances() -> None:
    random = np.random.default_rng(3)
    covered = random.random(400) < 0.8
    fallback = ~covered & (random.random(400) < 0.7)
    lucky = fallback & (random.random(400) < 0.6)
    right = random.random(400) < 0.7
    other = np.where(random.random(400) < 0.8, right, random.random(400) < 0.5)
    drawn = random.integers(0, 400, (4000, 400))
    there, mine, theirs, others, hits = (
        flags[drawn].sum(axis=1) for flags in (covered, right & covered, other & covered, fallback, lucky)
    )
    found = PairedIntervals.of(right, other, Coverage.of(covered, fallback, lucky))
    for name, values in {
        "on_covered": mine / there,
        "f1": 2 * (mine + hits) / (there + others + 400),
        "difference": (mine - theirs) / there,
    }.items():
        np.testing.assert_allclose(getattr(found, name), np.percentile(values, [2.5, 97.5]), atol=0.006)


def test_intervals_are_the_same_every_time_and_of_equal_predictions_without_difference() -> None:
    right = np.arange(50) % 3 > 0
    first, second = (PairedIntervals.of(right, right, Coverage.of(np.ones(50, bool))) for _ in range(2))
    assert first == second
    assert first.difference == (0.0, 0.0)
    assert first.on_covered[0] < right.mean() < first.on_covered[1]


def test_nothing_is_known_where_nothing_is_answered() -> None:
    no = np.zeros(3, bool)
    assert PairedIntervals.of(no, no, Coverage.of(no)) == PairedIntervals((0.0, 1.0), (0.0, 1.0), (-1.0, 1.0))
    assert SenseScore.of(no, Coverage.of(no)).f1 == 0
