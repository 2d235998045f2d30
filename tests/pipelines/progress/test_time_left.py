from __future__ import annotations

from itertools import pairwise

import pytest

from encore.pipelines.progress.time_left import TimeLeft, in_words


def watched(reports: list[tuple[float, float, float]], every: float = 0.5) -> list[tuple[float, float | None]]:
    """(Time, time left) every so many seconds; each report (time, done, left) comes in at its own time."""
    left, found, coming, now = TimeLeft(), [], list(reports), 0.0
    report = None
    while coming:
        while coming and coming[0][0] <= now:
            report = coming.pop(0)
        if report is not None:
            left.see(now, report[1], report[2])
        found.append((now, left.seconds(now)))
        now += every
    return found


def steady(loading: float, step: float, count: int, size: float = 1.0) -> list[tuple[float, float, float]]:
    """Reports of equal work that comes at equal times after a model was loaded."""
    return [(loading + step * n, size * n, size * (count - n)) for n in range(1, count + 1)]


@pytest.mark.parametrize("step", [0.1, 1.0, 20.0], ids=["batches", "seconds", "whole units"])
def test_while_work_goes_on_evenly_the_time_left_falls_and_is_right(step: float) -> None:
    count, loading = 200, 90.0
    said = [(now, left) for now, left in watched(steady(loading, step, count)) if left is not None]
    assert len(said) > 20
    assert all(after <= before for (_, before), (_, after) in pairwise(said))
    end = loading + step * count
    assert all(abs(now + left - end) <= 1 + 0.1 * left for now, left in said)


def test_loading_a_model_is_not_taken_for_slow_work() -> None:
    first = next(left for _, left in watched(steady(600.0, 1.0, 100)) if left is not None)
    assert 80 < first < 100


def test_uneven_steps_do_not_make_it_climb() -> None:
    uneven = [(10 + n + 0.4 * (n % 3), float(n), 300.0 - n) for n in range(1, 301)]
    said = [left for _, left in watched(uneven) if left is not None]
    assert all(after <= before for before, after in pairwise(said))


def test_work_that_gets_much_slower_is_said_anew() -> None:
    slower = steady(0.0, 1.0, 300)[:100] + [(100 + 5.0 * n, 100.0 + n, 200.0 - n) for n in range(1, 201)]
    said = dict(watched(slower))
    assert said[99.0] is not None
    assert said[99.0] < 210
    assert said[200.0] == pytest.approx(900, rel=0.15)


def test_it_stands_still_no_longer_than_until_what_was_said_is_true_again() -> None:
    time_left = TimeLeft()
    for now, done in ((0.0, 10.0), (10.0, 20.0), (20.0, 29.0)):
        time_left.see(now, done, 100.0 - done)
    assert time_left.seconds(20.0) == pytest.approx(71 / (19 / 20))


def test_seconds_before_the_end_it_does_not_climb_for_a_second() -> None:
    time_left = TimeLeft()
    for now, done in ((0.0, 10.0), (10.0, 20.0), (11.0, 20.1)):
        time_left.see(now, done, 30.0 - done)
    assert time_left.seconds(11.0) == pytest.approx(10.0)


def test_nothing_is_said_before_there_is_something_to_go_by_and_once_it_is_overdue() -> None:
    said = dict(watched([(1.0, 1.0, 3.0), (2.0, 2.0, 2.0), (7.0, 3.0, 1.0), (30.0, 4.0, 0.0)]))
    assert {now for now, left in said.items() if left is not None} == {7.0, 7.5, 8.0, 8.5, 9.0, 9.5}


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, ""),
        (0.2, "1 s left"),
        (19.5, "20 s left"),
        (41.0, "45 s left"),
        (90.0, "90 s left"),
        (91.0, "2 min left"),
        (7200.0, "120 min left"),
        (7201.0, "2 h 10 min left"),
        (90000.0, "25 h 00 min left"),
    ],
)
def test_it_is_said_as_exactly_as_it_is_known(seconds: float | None, words: str) -> None:
    assert in_words(seconds) == words
