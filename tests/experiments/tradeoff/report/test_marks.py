"""The numbers of the front tell its marks apart, and the list below a panel names each."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from encore.experiments.tradeoff.report.chart import HEIGHT, NARROWEST
from encore.experiments.tradeoff.report.marks import NUMBER_ROOM, front_of, listed, marks_of, numbered
from encore.experiments.tradeoff.run import TradeoffReport
from encore.experiments.tradeoff.summary.points import on_front

X, Y = (2.0, 6.0), (50.0, 100.0)


def mark(number: int | None, size: float, accuracy: float, *, recommended: bool = False) -> dict[str, Any]:
    return {"number": number, "bytes": size, "accuracy": accuracy, "recommended": recommended}


def right_ends(marks: list[dict[str, Any]]) -> list[tuple[float, float]]:
    """Where each number stands in the narrowest panel: pixels across and down."""
    return [
        (
            (np.log10(each["bytes"]) - X[0]) / (X[1] - X[0]) * NARROWEST - each["away"],
            (Y[1] - each["accuracy"]) / (Y[1] - Y[0]) * HEIGHT - each["rise"],
        )
        for each in marks
    ]


@given(
    st.lists(st.tuples(st.floats(150, 900_000), st.floats(55, 95)), min_size=1, max_size=60, unique=True),
    st.integers(0, 59),
)
def test_no_number_runs_into_another_on_a_telephone(places: list[tuple[float, float]], chosen: int) -> None:
    sizes, accuracies = np.array(places).T
    kept = [place for place, held in zip(places, on_front(sizes, accuracies), strict=True) if held]
    marks = [
        mark(number, *place, recommended=number == chosen % len(kept) + 1)
        for number, place in enumerate(sorted(kept), 1)
    ]
    found = numbered(marks, X, Y, (NARROWEST, HEIGHT))
    assert [each["number"] for each in found] == list(range(1, len(marks) + 1))
    for (x, y), (other_x, other_y) in combinations(right_ends(found), 2):
        assert abs(x - other_x) >= NUMBER_ROOM[0] or abs(y - other_y) >= NUMBER_ROOM[1]


def test_a_number_with_room_stands_beside_its_mark() -> None:
    found = numbered([mark(1, 200, 60), mark(2, 20_000, 80, recommended=True)], X, Y, (NARROWEST, HEIGHT))
    assert [(each["away"], each["rise"]) for each in found] == [(6, 0), (13, 0)]


def test_every_mark_of_the_front_has_a_number_of_its_own(report: TradeoffReport) -> None:
    for panel in {point.panel for point in report.points}:
        front = front_of(marks_of(report, panel))
        on_it = {point.setting.name for point in report.points if point.panel == panel and point.on_front}
        assert {mark["setting"] for mark in front} == on_it
        assert [mark["number"] for mark in front] == list(range(1, len(on_it) + 1))
        assert [mark["bytes"] for mark in front] == sorted(mark["bytes"] for mark in front)


def test_what_is_recommended_is_listed_even_off_the_front() -> None:
    marks = [mark(None, 300, 70), mark(2, 400, 80), mark(None, 500, 79, recommended=True), mark(1, 100, 75)]
    assert [(each["number"], each["bytes"]) for each in listed(marks)] == [(1, 100), (2, 400), (None, 500)]
