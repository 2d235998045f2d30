"""Progress of work that reports itself how many items are done."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from encore.pipelines.progress.displays import ProgressDisplay, ProgressState
from encore.pipelines.progress.time_left import TimeLeft


class Steps:
    """Shows several steps, one after the other. It is a context manager, which ends the display.

    Args:
        display: what shows it.
        clock: seconds of a clock that does not jump.
    """

    def __init__(self, display: ProgressDisplay, clock: Callable[[], float] = time.monotonic) -> None:
        self._display, self._clock = display, clock
        self._title: str | None = None
        self._done = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._title is not None:
            self._display.end()

    def show(self, title: str, done: int, total: int, noun: str) -> None:
        """Show that ``done`` of ``total`` are done. Another title, or a lower count than before, begins a new step."""
        if title != self._title or done < self._done:
            if self._title is not None:
                self._display.end()
            self._title, self._left = title, TimeLeft()
            self._display.begin(title, total, noun)
        self._done = done
        now = self._clock()
        self._left.see(now, done, total - done)
        self._display.show(ProgressState(done, self._left.seconds(now)))
