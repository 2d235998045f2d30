from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from encore.encoders.training.streams import TaskStream


@given(st.integers(1, 30), st.integers(1, 9), st.integers(0, 2**32))
def test_every_document_comes_once_a_pass(size: int, samples: int, seed: int):
    stream = TaskStream(seed, "task", size)
    taken = np.concatenate([stream.take(step * samples, samples) for step in range(-(-3 * size // samples))])
    for number in range(3):
        assert sorted(taken[number * size : (number + 1) * size]) == list(range(size))


@given(st.integers(1, 30), st.lists(st.tuples(st.integers(0, 200), st.integers(1, 40)), min_size=1, max_size=5))
def test_what_is_taken_does_not_depend_on_what_was_taken_before(size: int, asked: list[tuple[int, int]]):
    used = TaskStream(7, "task", size)
    for start, count in asked:
        assert np.array_equal(used.take(start, count), TaskStream(7, "task", size).take(start, count))


def test_passes_tasks_and_seeds_have_orders_of_their_own():
    def first(seed: int, task: str, start: int) -> list[int]:
        return TaskStream(seed, task, 50).take(start, 50).tolist()

    orders = [first(0, "a", 0), first(0, "a", 50), first(0, "b", 0), first(1, "a", 0)]
    assert len({tuple(order) for order in orders}) == 4


def test_the_order_is_pinned():
    # A training that resumes after an upgrade must not meet another order.
    assert TaskStream(0, "sst2", 8).take(0, 8).tolist() == [6, 7, 0, 5, 4, 2, 1, 3]
