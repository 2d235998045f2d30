"""Metrics against values worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from encore.heads.metrics import class_counts
from encore.heads.metrics.class_counts import ClassCounts, bootstrap_intervals, wilson_interval
from encore.heads.metrics.confusion import Confusion
from tests.heads.metrics.matrices import confusion_of

THREE = np.array([[5, 1, 0], [2, 3, 1], [0, 0, 4]])
"""Rows are the truth. Class F1: 10/13, 6/10, 8/9."""


def counts(confusion: np.ndarray) -> ClassCounts:
    return ClassCounts.of(confusion_of(confusion))


def intervals_of(confusion: np.ndarray) -> dict[str, tuple[float, float] | None]:
    return bootstrap_intervals(confusion_of(confusion))


def interval_of(confusion: np.ndarray, metric: str) -> tuple[float, float]:
    interval = intervals_of(confusion)[metric]
    assert interval is not None
    return interval


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


def test_a_truth_of_one_class_has_no_correlation_defined() -> None:
    for confusion in ([[5, 0], [0, 0]], [[3, 2], [0, 0]], [[0, 0], [0, 7]]):
        assert math.isnan(counts(np.array(confusion)).mcc)


def test_figures_of_several_matrices_are_those_of_each() -> None:
    both = [[[5, 1], [2, 3]], [[4, 0], [0, 0]]]
    first, second = (vars(counts(np.array(one))) for one in both)
    stacked = ClassCounts(**{name: np.stack([first[name], second[name]]) for name in first})
    assert stacked.macro_f1.tolist() == [counts(np.array(one)).macro_f1 for one in both]
    assert stacked.mcc[0] == counts(np.array(both[0])).mcc
    assert math.isnan(stacked.mcc[1])


@pytest.mark.parametrize(
    ("right", "documents", "low", "high"),
    [(8, 10, 0.4902, 0.9433), (0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (820, 1000, 0.7950, 0.8426)],
)
def test_wilson_intervals_are_those_of_the_tables(right: int, documents: int, low: float, high: float) -> None:
    assert wilson_interval(right, documents) == pytest.approx((low, high), abs=1e-4)


@given(
    cells=st.lists(st.integers(0, 50), min_size=9, max_size=9).filter(any),
    at_once=st.sampled_from([class_counts.RESAMPLE_CELLS, 40, 100]),
)
def test_bootstrap_intervals_are_in_range_and_the_same_however_many_samples_are_drawn_at_once(
    cells: list[int], at_once: int
) -> None:
    confusion = confusion_of(np.array(cells).reshape(3, 3))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(class_counts, "RESAMPLES", 50)
        intervals = bootstrap_intervals(confusion)
        patch.setattr(class_counts, "RESAMPLE_CELLS", at_once)
        assert bootstrap_intervals(confusion) == intervals
    low, high = intervals["macro_f1"] or (0, 1)
    assert 0 <= low <= high <= 1
    low, high = intervals["mcc"] or (-1, 1)
    assert -1 <= low <= high <= 1 + 1e-12


def test_bootstrap_intervals_hold_the_figure_and_narrow_with_documents() -> None:
    for name in ("macro_f1", "mcc"):
        value = float(getattr(counts(THREE), name))
        few, many = interval_of(THREE, name), interval_of(THREE * 100, name)
        assert few[0] < value < few[1]
        assert many[0] < value < many[1]
        assert (many[1] - many[0]) * 5 < few[1] - few[0]


@pytest.mark.parametrize(
    "confusion", [np.diag([5, 5]), np.array([[5, 0], [0, 0]]), np.array([[0, 1], [0, 0]]), np.zeros((2, 2), np.int64)]
)
def test_documents_that_give_one_figure_however_they_are_drawn_have_no_bootstrap_interval(
    confusion: np.ndarray,
) -> None:
    assert intervals_of(confusion) == {"macro_f1": None, "mcc": None}


def test_classes_of_a_document_or_two_have_no_interval_beside_their_figure() -> None:
    truth = np.repeat(np.arange(300), 2)
    predicted = np.where(np.arange(600) % 3 == 0, (truth + 1) % 300, truth)
    confusion = Confusion.of(truth, predicted, 300)
    assert bootstrap_intervals(confusion)["macro_f1"] is None
    mcc = bootstrap_intervals(confusion)["mcc"]
    assert mcc is not None
    assert mcc[0] < ClassCounts.of(confusion).mcc < mcc[1]


def test_the_bootstrap_draws_what_it_drew_from_whole_matrices() -> None:
    assert intervals_of(THREE) == {
        "macro_f1": pytest.approx((0.49983766233766236, 0.9393939393939394), abs=1e-12),
        "mcc": pytest.approx((0.27085945915535264, 0.9096385542168675), abs=1e-12),
    }
    # One sample in three has none of the rare class.
    assert interval_of(np.array([[49, 2], [0, 1]]), "mcc") == pytest.approx((0.0, 1.0))


def test_the_bootstrap_of_a_balanced_binary_task_is_near_its_theory() -> None:
    # With equal classes and errors MCC is 2 · accuracy - 1, whose standard deviation is 2 √(p (1 - p) / n).
    low, high = interval_of(np.array([[800, 200], [200, 800]]), "mcc")
    spread = 1.96 * 2 * math.sqrt(0.8 * 0.2 / 2000)
    assert low == pytest.approx(0.6 - spread, abs=0.006)
    assert high == pytest.approx(0.6 + spread, abs=0.006)
