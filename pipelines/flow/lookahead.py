"""Work on items one by one, while the next ones are prepared and the last ones finished."""

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
    """What three steps make of each item, in the order of the items.

    An error of a step comes where its item's result would have come; steps that are at work then are waited for.

    Args:
        items: taken as they are needed.
        before: called in threads, for up to ``ahead`` items that are still to come.
        work: called in the caller's thread, with the seconds that it had to wait for ``before``.
        after: called in threads, for up to ``ahead`` items that ``work`` has left.
        ahead: as many threads for each of the two; with 0 the caller's thread does everything, one item at a time.
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
            # Not held while the next one is worked on.
            del ready, done
            while leaving and (len(leaving) > ahead or leaving[0].done()):
                yield leaving.popleft().result()
        yield from (future.result() for future in leaving)


def read_ahead(items: Iterator[Item]) -> Iterator[Item]:
    """The items in their order, each asked for in a thread while the one before it is worked on.

    One is held beside the one at work. An error comes where its item would have come; where the caller stops early,
    the item that is being read is waited for.
    """
    with ThreadPoolExecutor(1, "read-ahead") as reader:
        coming = reader.submit(next, items, None)
        while (item := coming.result()) is not None:
            coming = reader.submit(next, items, None)
            yield item
