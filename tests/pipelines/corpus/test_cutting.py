from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from encore.pipelines.corpus import cutting
from encore.pipelines.corpus.cutting import DocumentSize, Piece, cut
from encore.pipelines.corpus.survey import Survey
from encore.tablefiles.columnar.parquet_sizes import COARSE_BYTES
from encore.tablefiles.files import TableFile

NO_KEYS = np.empty((0, 2), np.uint64)


def survey_of(sizes, splits=None, ends=None, starts=False):
    """A file whose rows have so many bytes; its blocks end at ``ends``."""
    before = np.cumsum(np.array([0, *sizes]))
    at = np.array(ends or range(1, len(sizes) + 1))
    return Survey(
        TableFile("x", "parquet", 0),
        len(sizes),
        int(before[-1]),
        None,
        before[:-1] if starts else None,
        NO_KEYS,
        None,
        None if splits is None else np.array(splits),
        None if starts else at,
        None if starts else before[at],
    )


def described(pieces):
    return [(piece.start, piece.stop, piece.split) for piece in pieces]


@pytest.mark.parametrize(
    ("splits", "unit_rows", "expected"),
    [
        (None, 4, [(0, 4, 0), (4, 8, 1), (8, 10, 2)]),
        ([0], 4, [(0, 4, 0), (4, 7, 0), (7, 10, 0)]),
        ([0, 5], 4, [(0, 3, 0), (3, 5, 0), (5, 8, 1), (8, 10, 1)]),
        ([0, 3, 6], 6, [(0, 6, 0), (6, 10, 2)]),
        ([0, 3, 6], 5, [(0, 3, 0), (3, 6, 1), (6, 10, 2)]),
        ([0, 8, 9], 4, [(0, 4, 0), (4, 8, 0), (8, 10, 1)]),
        ([0, 1, 2], 100, [(0, 10, 0)]),
    ],
)
def test_a_unit_is_a_part_of_one_split_or_some_whole_ones(splits, unit_rows, expected):
    assert described(cut(survey_of([1] * 10, splits), unit_rows, DocumentSize())) == expected


@pytest.mark.parametrize("starts", [True, False])
def test_a_unit_that_would_not_fit_in_memory_is_halved_until_it_does(monkeypatch, starts):
    monkeypatch.setattr(cutting, "UNIT_BYTES", 100)
    sizes = [1] * 8 + [90, 1, 1, 300, 1, 1, 1, 1]
    pieces = cut(survey_of(sizes, None if starts else [0], starts=starts), 16, DocumentSize())
    assert [(piece.start, piece.stop) for piece in pieces] == [(0, 8), (8, 10), (10, 11), (11, 12), (12, 16)]


def test_features_count_as_texts_do(monkeypatch):
    monkeypatch.setattr(cutting, "UNIT_BYTES", 1000)
    pieces = cut(survey_of([1] * 8 + [100] * 8, [0]), 16, DocumentSize(10, 20))
    assert [(piece.start, piece.stop) for piece in pieces] == [(0, 8), (8, 12), (12, 16)]


@given(
    st.lists(st.integers(0, 400), min_size=1, max_size=60),
    st.sets(st.integers(1, 59), max_size=6),
    st.sets(st.integers(1, 59), max_size=6),
    st.integers(1, 70),
    st.integers(0, 30),
    st.integers(1, 40),
)
def test_every_row_is_in_one_unit_and_no_unit_of_several_rows_is_too_large(
    sizes, splits, ends, unit_rows, vector_bytes, max_vectors
):
    count = len(sizes)
    splits = sorted({0, *(row for row in splits if row < count)})
    # What formats promise: blocks end where splits do, and a larger block has one row.
    small = sorted({count, *splits[1:], *(row for row in ends if row < count)})
    fine = [
        row
        for start, stop in zip([0, *small[:-1]], small, strict=True)
        for row in ([stop] if sum(sizes[start:stop]) <= 500 else range(start + 1, stop + 1))
    ]
    size = DocumentSize(vector_bytes, max_vectors)
    original, cutting.UNIT_BYTES = cutting.UNIT_BYTES, 500
    try:
        pieces = cut(survey_of(sizes, splits, fine), unit_rows, size)
    finally:
        cutting.UNIT_BYTES = original
    assert [row for piece in pieces for row in range(piece.start, piece.stop)] == list(range(count))
    for piece in pieces:
        rows = piece.stop - piece.start
        text = sum(sizes[piece.start : piece.stop])
        features = vector_bytes * sum(min(max_vectors, length + 2) for length in sizes[piece.start : piece.stop])
        assert rows <= unit_rows
        assert rows == 1 or max(text, features) <= 500
        inside = [row for row in splits if piece.start < row < piece.stop]
        assert not inside or (piece.start in splits and piece.stop in [*splits, count])
    assert all(isinstance(piece, Piece) for piece in pieces)


def test_what_formats_leave_untold_fits_in_a_unit():
    assert COARSE_BYTES <= cutting.UNIT_BYTES
