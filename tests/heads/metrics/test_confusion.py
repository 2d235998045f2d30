"""Confusion matrices without their empty cells."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from encore.heads.metrics.confusion import Confusion
from tests.heads.metrics.matrices import confusion_of


def test_documents_are_counted_truth_by_row_and_prediction_by_column() -> None:
    confusion = Confusion.of(np.array([0, 0, 1, 2, 2]), np.array([0, 2, 1, 2, 0]), 3)
    assert confusion.to_rows() == [[1, 0, 1], [0, 1, 0], [1, 0, 1]]
    assert confusion.to_json() == {"truth": [0, 0, 1, 2, 2], "predicted": [0, 2, 1, 0, 2], "documents": [1] * 5}


def matrices(size: int) -> st.SearchStrategy[list[list[int]]]:
    row = st.lists(st.integers(0, 3), min_size=size, max_size=size)
    return st.lists(row, min_size=size, max_size=size)


@given(st.integers(1, 6).flatmap(matrices))
def test_a_whole_matrix_and_its_cells_say_the_same(rows: list[list[int]]) -> None:
    confusion = confusion_of(np.array(rows))
    assert confusion.to_rows() == rows
    assert Confusion.from_json(confusion.to_json(), len(rows)) == confusion


@pytest.mark.parametrize(
    "document",
    [
        {"truth": [0], "predicted": [2], "documents": [1]},
        {"truth": [-1], "predicted": [0], "documents": [1]},
        {"truth": [0], "predicted": [0], "documents": [0]},
        {"truth": [0], "predicted": [0], "documents": [True]},
        {"truth": [0], "predicted": [0], "documents": [1.0]},
        {"truth": [0], "predicted": [0], "documents": [2**63]},
        {"truth": [0, 0], "predicted": [0, 0], "documents": [1, 1]},
        {"truth": [1, 0], "predicted": [0, 0], "documents": [1, 1]},
        {"truth": [0, 1], "predicted": [0], "documents": [1, 1]},
        {"truth": [0], "predicted": [0], "documents": [1, 1]},
        {"truth": [0], "predicted": [0]},
        {"truth": 0, "predicted": 0, "documents": 1},
        [[1, 0], [0, 1]],
        "ab",
        None,
    ],
)
def test_what_is_no_matrix_of_two_classes_is_refused(document: Any) -> None:
    with pytest.raises((ValueError, KeyError, TypeError)):
        Confusion.from_json(document, 2)
