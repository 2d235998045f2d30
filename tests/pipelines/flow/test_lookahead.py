"""Three steps of each item: the first ahead of the work, the last behind it, results in order."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Event, current_thread

import pytest

from encore.pipelines.flow.lookahead import look_ahead, read_ahead

WAIT = 60
"""Seconds after which a test gives up a step that never comes."""


@pytest.mark.parametrize("ahead", [0, 1, 3])
class TestEveryItem:
    def test_goes_through_the_three_steps_in_order(self, ahead: int) -> None:
        results = look_ahead(range(20), lambda i: (i, i * i), lambda ready, _: sum(ready), str, ahead=ahead)
        assert list(results) == [str(i + i * i) for i in range(20)]

    def test_none_at_all_is_no_error(self, ahead: int) -> None:
        assert list(look_ahead((), abs, lambda ready, _: ready, abs, ahead=ahead)) == []

    @pytest.mark.parametrize("step", ["before", "work", "after"])
    def test_an_error_comes_where_its_result_would_have_come(self, ahead: int, step: str) -> None:
        def failing(name: str, item: int) -> int:
            if name == step and item == 2:
                raise ValueError(f"{name} of {item}")
            return item

        results = look_ahead(
            range(5),
            lambda item: failing("before", item),
            lambda item, _: failing("work", item),
            lambda item: failing("after", item),
            ahead=ahead,
        )
        assert [next(results), next(results)] == [0, 1]
        with pytest.raises(ValueError, match=f"{step} of 2"):
            next(results)

    def test_work_is_told_how_long_it_waited(self, ahead: int) -> None:
        slow = Event()

        def before(item: int) -> int:
            slow.wait(0.2)
            return item

        (waited,) = look_ahead([1], before, lambda _, seconds: seconds, lambda seconds: seconds, ahead=ahead)
        assert waited >= 0.15


def test_so_many_items_are_prepared_while_one_is_worked_on_and_no_more() -> None:
    taken, prepared = [Event() for _ in range(6)], [Event() for _ in range(6)]

    def items() -> Iterator[int]:
        for place, event in enumerate(taken):
            event.set()
            yield place

    def before(item: int) -> int:
        prepared[item].set()
        return item

    def work(item: int, _: float) -> int:
        for event in prepared[item : item + 3]:
            assert event.wait(WAIT)
        assert not any(event.is_set() for event in taken[item + 3 :])
        return item

    assert list(look_ahead(items(), before, work, lambda item: item, ahead=2)) == list(range(6))


def test_what_comes_after_an_item_lies_beside_the_work_on_the_next() -> None:
    second_at_work, threads = Event(), set()

    def work(item: int, _: float) -> int:
        if item == 1:
            second_at_work.set()
        threads.add(current_thread().name)
        return item

    def after(item: int) -> int:
        # Without a thread for `after`, the first item would wait for a second one that never comes.
        assert second_at_work.wait(WAIT)
        return item

    assert list(look_ahead(range(3), abs, work, after, ahead=1)) == [0, 1, 2]
    assert threads == {current_thread().name}


def test_without_threads_all_steps_are_the_callers() -> None:
    steps = []

    def note(step: str, item: int) -> int:
        steps.append((step, item, current_thread().name))
        return item

    results = look_ahead(
        range(2), lambda i: note("before", i), lambda i, _: note("work", i), lambda i: note("after", i), ahead=0
    )
    assert list(results) == [0, 1]
    here = current_thread().name
    assert steps == [(step, item, here) for item in range(2) for step in ("before", "work", "after")]


class TestOneAhead:
    def test_items_come_in_their_order(self) -> None:
        assert list(read_ahead(iter(range(1, 100)))) == list(range(1, 100))
        assert list(read_ahead(iter(()))) == []

    def test_the_next_item_is_read_while_one_is_worked_on_and_no_more(self) -> None:
        read = [Event() for _ in range(4)]
        threads = set()

        def items() -> Iterator[int]:
            for place, event in enumerate(read):
                threads.add(current_thread().name)
                event.set()
                yield place

        for place in read_ahead(items()):
            if place < 3:
                assert read[place + 1].wait(timeout=60)
            assert not any(event.is_set() for event in read[place + 2 :])
        assert current_thread().name not in threads

    def test_an_error_comes_where_its_item_would_have_come(self) -> None:
        def items() -> Iterator[str]:
            yield "first"
            raise ValueError("second")

        coming = read_ahead(items())
        assert next(coming) == "first"
        with pytest.raises(ValueError, match="second"):
            next(coming)
