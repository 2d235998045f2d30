"""Contenders run interleaved, and what they took is summed up as medians and ratios."""

import pytest

from benchmarks.measure import Measurement, digits, measure, one_run, timed


def contenders(calls, names="abc"):
    """Contenders that note when they are called, and say that their n-th call took n."""

    def contender(name):
        def call():
            calls.append(name)
            return calls.count(name)

        return call

    return {name: contender(name) for name in names}


def test_each_round_runs_every_contender_and_begins_with_the_next_one():
    calls = []
    measure(contenders(calls), 4, warm_up=1)
    rounds = ["".join(calls[start : start + 3]) for start in range(0, len(calls), 3)]
    assert rounds == ["cab", "abc", "bca", "cab", "abc"]


def test_the_warm_up_does_not_count():
    taken = measure(contenders([]), 3, warm_up=2)
    assert taken.rounds == dict.fromkeys("abc", (3.0, 4.0, 5.0))


def test_a_contender_that_says_nothing_is_timed_by_the_clock(monkeypatch):
    ticks = iter([10.0, 12.5])
    monkeypatch.setattr("time.perf_counter", lambda: next(ticks))
    assert one_run(lambda: None) == 2.5


def test_what_a_contender_says_that_it_took_counts():
    assert one_run(lambda: 7) == 7.0


def test_timed_is_the_wall_clock_around_a_step(monkeypatch):
    ticks = iter([1.0, 4.0])
    monkeypatch.setattr("time.perf_counter", lambda: next(ticks))
    assert timed(lambda: "ignored") == 3.0


def test_a_ratio_is_that_of_the_medians_and_spreads_as_the_rounds_do():
    taken = Measurement({"plain": (10.0, 30.0, 20.0), "fast": (5.0, 2.0, 4.0)})
    ratio = taken.ratio("plain", "fast")
    assert ratio.of_medians == 20.0 / 4.0
    assert ratio.rounds == (2.0, 15.0, 5.0)
    assert str(ratio) == "5.00 (2.00 to 15.0)"
    assert ratio.times(2.0).rounds == (4.0, 30.0, 10.0)
    assert str(ratio.times(2.0)) == "10.0 (4.00 to 30.0)"
    assert ratio.to_dict() == {"of_medians": 5.0, "median": 5.0, "min": 2.0, "max": 15.0}


def test_a_measurement_gives_medians_rates_cells_and_json():
    taken = Measurement({"job": (0.5, 0.25, 0.125, 4.0)})
    assert taken.median("job") == 0.375
    assert taken.per_second("job", 3.0) == 8.0
    assert taken.cell("job") == "0.375 s (0.125 to 4.00)"
    assert taken.cell("job", 1e3, "ms") == "375 ms (125 to 4,000)"
    assert taken.to_dict() == {
        "job": {"median": 0.375, "min": 0.125, "max": 4.0, "rounds": [0.5, 0.25, 0.125, 4.0]},
    }


@pytest.mark.parametrize("rounds", [{}, {"a": ()}, {"a": (1.0,), "b": ()}, {"a": (1.0,), "b": (1.0, 2.0)}])
def test_contenders_without_as_many_rounds_are_no_measurement(rounds):
    with pytest.raises(ValueError, match="as many rounds"):
        Measurement(rounds)


@pytest.mark.parametrize(("named", "repeats"), [({}, 5), ({"a": lambda: 1.0}, 0)])
def test_nothing_to_measure_is_refused(named, repeats):
    with pytest.raises(ValueError, match="at least one repeat"):
        measure(named, repeats)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1234.5, "1,234"),
        (123.4, "123"),
        (99.96, "100"),
        (12.345, "12.3"),
        (0.01234, "0.0123"),
        (0.0, "0"),
        (5e-6, "5e-06"),
    ],
)
def test_numbers_are_shown_with_three_digits(value, text):
    assert digits(value) == text
