"""Lookahead: work on items one by one, while threads prepare the next items and finish the last ones."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")
Ready = TypeVar("Ready")
Worked = TypeVar("Worked")
Result = TypeVar("Result")


def look_ahead(
    items: Iterable[Item],
    before: Callable[[Item], Ready],
    work: Callable[[Ready, float], Worked],
    after: Callable[[Worked], Result],
    *,
    ahead: int,
) -> Iterator[Result]:
    """Run three steps on each item, and yield the results in the order of the items.

    An error of a step is raised in place of its item's result, after the steps that are running have ended.

    Args:
        items: taken as they are needed.
        before: the first step; called in threads, for up to ``ahead`` items before their ``work``.
        work: the second step; called in the caller's thread, with the seconds that it had to wait for ``before``.
        after: the third step; called in threads, for up to ``ahead`` items after their ``work``.
        ahead: number of threads for ``before``, and for ``after``. With 0 the caller's thread does everything, one item
            at a time.
    """
    rest = iter(items)
    if not ahead:
        for item in rest:
            asked = time.perf_counter()
            ready = before(item)
            yield after(work(ready, time.perf_counter() - asked))
        return
    with ThreadPoolExecutor(ahead, "ahead") as readers, ThreadPoolExecutor(ahead, "behind") as writers:
        coming: deque[Future[Ready]] = deque(readers.submit(before, item) for item in islice(rest, ahead))
        leaving: deque[Future[Result]] = deque()
        while coming:
            asked = time.perf_counter()
            try:
                ready = coming.popleft().result()
                waited = time.perf_counter() - asked
                coming.extend(readers.submit(before, item) for item in islice(rest, 1))
                done = work(ready, waited)
            except Exception:
                yield from (future.result() for future in leaving)
                raise
            leaving.append(writers.submit(after, done))
            # Frees its memory before the next item is worked on.
            del ready, done
            while leaving and (len(leaving) > ahead or leaving[0].done()):
                yield leaving.popleft().result()
        yield from (future.result() for future in leaving)


def read_ahead(items: Iterator[Item]) -> Iterator[Item]:
    """Yield the items in their order. A thread reads the next item while the caller works on this one.

    So two items are in memory. An error is raised in place of its item. When the caller stops early, the item that is
    being read is waited for.
    """
    with ThreadPoolExecutor(1, "read-ahead") as reader:
        coming = reader.submit(next, items, None)
        while (item := coming.result()) is not None:
            coming = reader.submit(next, items, None)
            yield item
