"""Items are read one ahead, in order."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Event, current_thread

import pytest

from encore.pipelines.flow.read_ahead import read_ahead


def test_items_come_in_their_order() -> None:
    assert list(read_ahead(iter(range(1, 100)))) == list(range(1, 100))
    assert list(read_ahead(iter(()))) == []


def test_the_next_item_is_read_while_one_is_worked_on_and_no_more() -> None:
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


def test_an_error_comes_where_its_item_would_have_come() -> None:
    def items() -> Iterator[str]:
        yield "first"
        raise ValueError("second")

    coming = read_ahead(items())
    assert next(coming) == "first"
    with pytest.raises(ValueError, match="second"):
        next(coming)
