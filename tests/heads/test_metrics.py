"""Metrics against values worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heads import metrics
from heads.metrics import ClassCounts, bootstrap_intervals, confusion_matrix, wilson_interval

THREE = np.array([[5, 1, 0], [2, 3, 1], [0, 0, 4]])
"""Rows are the truth. Class F1: 10/13, 6/10, 8/9."""


def counts(confusion: np.ndarray) -> ClassCounts:
    return ClassCounts.of(confusion)


def test_confusion_counts_truth_by_row_and_prediction_by_column() -> None:
    matrix = confusion_matrix(np.array([0, 0, 1, 2, 2]), np.array([0, 2, 1, 2, 0]), 3)
    assert matrix.tolist() == [[1, 0, 1], [0, 1, 0], [1, 0, 1]]


def test_accuracy_and_macro_f1_of_three_classes() -> None:
    assert counts(THREE).accuracy == pytest.approx(12 / 16)
    assert counts(THREE).macro_f1 == pytest.approx((10 / 13 + 6 / 10 + 8 / 9) / 3)


def test_mcc_of_two_classes_is_the_textbooks() -> None:
    tp, fn, fp, tn = 6, 1, 2, 3
    expected = (tp * tn - fp * fn) / math.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))
    assert counts(np.array([[tn, fp], [fn, tp]])).mcc == pytest.approx(expected)


def test_mcc_of_three_classes_is_gorodkins() -> None:
    # c = 12, s = 16, t = (6, 6, 4), p = (7, 4, 5).
    expected = (12 * 16 - (42 + 24 + 20)) / math.sqrt((256 - 90) * (256 - 88))
    assert counts(THREE).mcc == pytest.approx(expected)


def test_perfect_predictions_have_one_everywhere() -> None:
    perfect = counts(np.diag([3, 4, 5]))
    assert (perfect.accuracy, perfect.macro_f1, perfect.mcc) == (1.0, 1.0, pytest.approx(1.0))


def test_always_the_same_class_has_no_correlation() -> None:
    constant = counts(np.array([[8, 0], [2, 0]]))
    assert constant.accuracy == pytest.approx(0.8)
    assert constant.macro_f1 == pytest.approx((16 / 18) / 2)
    assert constant.mcc == 0.0


def test_macro_f1_leaves_out_classes_that_do_not_occur() -> None:
    assert counts(np.array([[3, 0, 0], [0, 2, 0], [0, 0, 0]])).macro_f1 == 1.0


def test_no_documents_have_zero_everywhere() -> None:
    nothing = counts(np.zeros((2, 2), np.int64))
    assert (nothing.accuracy, nothing.macro_f1, nothing.mcc) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("right", "documents", "low", "high"),
    [(8, 10, 0.4902, 0.9433), (0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (820, 1000, 0.7950, 0.8426)],
)
def test_wilson_intervals_are_those_of_the_tables(right: int, documents: int, low: float, high: float) -> None:
    assert wilson_interval(right, documents) == pytest.approx((low, high), abs=1e-4)


@given(
    cells=st.lists(st.integers(0, 50), min_size=9, max_size=9).filter(any),
    at_once=st.sampled_from([metrics.RESAMPLE_CELLS, 40]),
)
def test_bootstrap_intervals_are_in_range_and_reproducible(cells: list[int], at_once: int) -> None:
    confusion = np.array(cells).reshape(3, 3)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(metrics, "RESAMPLE_CELLS", at_once)
        patch.setattr(metrics, "RESAMPLES", 50)
        intervals = bootstrap_intervals(confusion)
        assert intervals == bootstrap_intervals(confusion)
    assert 0 <= intervals["macro_f1"][0] <= intervals["macro_f1"][1] <= 1
    assert -1 <= intervals["mcc"][0] <= intervals["mcc"][1] <= 1 + 1e-12


def test_bootstrap_intervals_hold_the_figure_and_narrow_with_documents() -> None:
    few, many = bootstrap_intervals(THREE), bootstrap_intervals(THREE * 100)
    for name in ("macro_f1", "mcc"):
        value = float(getattr(counts(THREE), name))
        assert few[name][0] < value < few[name][1]
        assert many[name][0] < value < many[name][1]
        assert (many[name][1] - many[name][0]) * 5 < few[name][1] - few[name][0]


def test_the_bootstrap_of_a_balanced_binary_task_is_near_its_theory() -> None:
    # With equal classes and errors MCC is 2 · accuracy - 1, whose standard deviation is 2 √(p (1 - p) / n).
    low, high = bootstrap_intervals(np.array([[800, 200], [200, 800]]))["mcc"]
    spread = 1.96 * 2 * math.sqrt(0.8 * 0.2 / 2000)
    assert low == pytest.approx(0.6 - spread, abs=0.006)
    assert high == pytest.approx(0.6 + spread, abs=0.006)
