"""A progress bar of plain HTML in the output of a notebook's cell. It needs no widgets; a saved notebook shows it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from html import escape
from importlib import import_module
from typing import Any

from encore.featurestore.common import counted
from encore.pipelines.progress.displays import ProgressState
from encore.pipelines.progress.time_left import in_words

PAUSE = 0.2
"""Least seconds between two updates. Each update is a message from the kernel to the page."""


class NotebookBar:
    """A bar with count, note and time left. It stays in the cell's output at its end.

    Args:
        clock: seconds; a monotonic clock.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._output: Any = None

    def preparing(self, title: str, what: str) -> AbstractContextManager[object]:
        """Show a line, which the bar replaces."""
        return self._line(title, what)

    def begin(self, title: str, total: int, noun: str = "document", detail: str = "") -> None:
        """Draw the bar."""
        del detail
        self._title, self._total, self._of = title, total, counted(total, noun)
        self._done, self._drawn = ProgressState(0), self._clock()
        self._draw(self._bar(ProgressState(0)))

    def show(self, done: ProgressState) -> None:
        """Move the bar, unless it just moved."""
        self._done = done
        if self._clock() - self._drawn >= PAUSE:
            self._drawn = self._clock()
            self._draw(self._bar(done))

    def end(self) -> None:
        """Leave the bar as it is, without the time left."""
        self._draw(self._bar(ProgressState(self._done.count, None, self._done.note)))
        self._output = None

    @contextmanager
    def _line(self, title: str, what: str) -> Iterator[None]:
        self._draw(f"<b>{escape(title)}</b> {escape(what)}")
        try:
            yield
        finally:
            self._draw("")

    def _bar(self, done: ProgressState) -> str:
        said = (f"{done.count:,} of {self._of}", done.note, in_words(done.left))
        bar = f'<progress value="{done.count}" max="{max(1, self._total)}"></progress>'
        return f"<b>{escape(self._title)}</b> {bar} {escape(', '.join(part for part in said if part))}"

    def _draw(self, html: str) -> None:
        # IPython is installed wherever there is a notebook. It has no types.
        page: Any = import_module("IPython.display")
        if self._output is None:
            self._output = page.display(page.HTML(html), display_id=True)
        else:
            self._output.update(page.HTML(html))
