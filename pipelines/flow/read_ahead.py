"""Reading what comes next while what came last is worked on."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def read_ahead(items: Iterator[T]) -> Iterator[T]:
    """The items in their order, each asked for in a thread while the one before it is worked on.

    One is held beside the one at work. An error comes where its item would have come; where the caller stops early,
    the item that is being read is waited for.
    """
    with ThreadPoolExecutor(1, "read-ahead") as reader:
        coming = reader.submit(next, items, None)
        while (item := coming.result()) is not None:
            coming = reader.submit(next, items, None)
            yield item
