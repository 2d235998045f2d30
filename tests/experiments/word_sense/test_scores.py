"""Scores by their definitions, and intervals by resampling instances one by one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.word_sense.scores import PairedIntervals, SenseScore

FLAGS = st.lists(st.tuples(st.booleans(), st.booleans()), max_size=30)


@given(FLAGS)
def test_precision_is_over_answers_recall_over_all_and_f1_their_harmonic_mean(flags: list[tuple[bool, bool]]) -> None:
    right, answered = (np.array([pair[k] for pair in flags], bool) for k in (0, 1))
    score = SenseScore.of(right, answered)
    hits = sum(r and a for r, a in flags)
    precision, recall = (hits / total if total else 0 for total in (sum(a for _, a in flags), len(flags)))
    assert (score.precision, score.recall) == (precision, recall)
    assert score.f1 == pytest.approx(2 * precision * recall / (precision + recall) if hits else 0)


def test_intervals_are_those_of_resampled_instances() -> None:
    random = np.random.default_rng(3)
    answered = random.random(400) < 0.9
    right = random.random(400) < 0.7
    other = np.where(random.random(400) < 0.8, right, random.random(400) < 0.5)
    right &= answered
    other &= answered
    drawn = random.integers(0, 400, (4000, 400))
    there, mine, theirs = (flags[drawn].sum(axis=1) for flags in (answered, right, other))
    found = PairedIntervals.of(right, other, answered)
    for name, values in {
        "precision": mine / there,
        "f1": 2 * mine / (there + 400),
        "difference": (mine - theirs) / there,
    }.items():
        np.testing.assert_allclose(getattr(found, name), np.percentile(values, [2.5, 97.5]), atol=0.006)


def test_intervals_are_the_same_every_time_and_of_equal_predictions_without_difference() -> None:
    right = np.arange(50) % 3 > 0
    first, second = (PairedIntervals.of(right, right, np.ones(50, bool)) for _ in range(2))
    assert first == second
    assert first.difference == (0.0, 0.0)
    assert first.precision[0] < right.mean() < first.precision[1]


def test_nothing_is_known_where_nothing_is_answered() -> None:
    no = np.zeros(3, bool)
    assert PairedIntervals.of(no, no, no) == PairedIntervals((0.0, 1.0), (0.0, 1.0), (-1.0, 1.0))
    assert SenseScore.of(no, no).f1 == 0
