"""Displays of progress: a live bar on a terminal, a log line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn
from rich.table import Column
from rich.text import Text

from encore.featurestore.common import counted
from encore.pipelines.progress.time_left import in_words

FIRST_PAUSE, LAST_PAUSE = 5.0, 60.0
"""Seconds between two log lines. The pause grows from the first to the last, the longer the job runs."""


@dataclass(frozen=True)
class ProgressState:
    """The state of a job.

    Attributes:
        count: number of items done.
        left: seconds left; None without an estimate.
        note: a further remark, such as tokens a second.
    """

    count: int
    left: float | None = None
    note: str = ""


class ProgressDisplay(Protocol):
    """Shows progress to a person or a log."""

    def preparing(self, title: str, what: str) -> AbstractContextManager[object]:
        """A context for the preparation of a job, which ``what`` describes. It has no count."""

    def begin(self, title: str, total: int, noun: str = "document", detail: str = "") -> None:
        """Start the display of a job with ``total`` items; ``noun`` is the word for one."""

    def show(self, done: ProgressState) -> None:
        """Show the state. Called a few times a second."""

    def end(self) -> None:
        """End the display."""


class SilentDisplay:
    """Shows nothing: for notebooks and tests."""

    def preparing(self, title: str, what: str) -> AbstractContextManager[object]:
        """Show nothing."""
        del title, what
        return nullcontext()

    def begin(self, title: str, total: int, noun: str = "document", detail: str = "") -> None:
        """Show nothing."""

    def show(self, done: ProgressState) -> None:
        """Show nothing."""

    def end(self) -> None:
        """Show nothing."""


def say(line: str) -> None:
    """Write a line to standard error and flush it. The command line puts the date before it, unless on a terminal."""
    print(line, file=sys.stderr, flush=True)


def pause_after(seconds: float) -> float:
    """Seconds until the next log line of a job that has run for this long."""
    return min(max(FIRST_PAUSE, seconds / 10), LAST_PAUSE)


class CountColumn(ProgressColumn):
    """``1,000 of 3,000 documents``, of constant width."""

    def render(self, task: Task) -> Text:
        """The text for a task with the field ``of``."""
        return Text(f"{int(task.completed):>{len(f'{int(task.total or 0):,}')},} of {task.fields['of']}")


def bar_columns() -> tuple[ProgressColumn, ...]:
    """Columns of a bar whose task has the fields ``of``, ``note`` and ``left``."""
    return (
        TextColumn("[bold]{task.description}"),
        BarColumn(),
        CountColumn(Column(no_wrap=True)),
        TextColumn("{task.fields[note]}", markup=False),
        TextColumn("{task.fields[left]}", markup=False, style="cyan"),
    )


class TerminalBar:
    """A live bar with count, note and time left. It stays on the terminal at its end."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def preparing(self, title: str, what: str) -> AbstractContextManager[object]:
        """Show a moving line, and remove it at the end."""
        return self._console.status(f"[bold]{title}[/bold] {what}")

    def begin(self, title: str, total: int, noun: str = "document", detail: str = "") -> None:
        """Draw the bar."""
        del detail
        self._bar = Progress(*bar_columns(), console=self._console)
        self._task = self._bar.add_task(title, total=total, of=counted(total, noun), note="", left="")
        self._bar.start()

    def show(self, done: ProgressState) -> None:
        """Move the bar."""
        self._bar.update(self._task, completed=done.count, note=done.note, left=in_words(done.left))

    def end(self) -> None:
        """Leave the bar as it is, without the time left."""
        self._bar.update(self._task, left="")
        self._bar.stop()


class LogLines:
    """A line at the start, now and then, and at the end, on standard error.

    Args:
        clock: seconds; a monotonic clock.
        patient: write nothing at all for a job that ends within `FIRST_PAUSE` seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, *, patient: bool = False) -> None:
        self._clock = clock
        self._patient = patient

    def preparing(self, title: str, what: str) -> AbstractContextManager[object]:
        """Write nothing. The reader of a log has not waited, and an error should be the first line."""
        del title, what
        return nullcontext()

    def begin(self, title: str, total: int, noun: str = "document", detail: str = "") -> None:
        """Write the title and the total."""
        self._title, self._total, self._of = title, total, counted(total, noun)
        self._started = self._last = self._clock()
        self._said = self._done = ProgressState(0)
        self._first: str | None = f"{title}: {self._of} {detail}".rstrip()
        if not self._patient:
            self._say_first()

    def show(self, done: ProgressState) -> None:
        """Write the state, if it has changed and the last line is old enough."""
        self._done = done
        now = self._clock()
        old = now - self._last >= pause_after(now - self._started)
        if old and done.count != self._said.count and done.count < self._total:
            self._last = now
            self._say()

    def end(self) -> None:
        """Write the last state, unless it was written."""
        if self._done.count != self._said.count and self._first is None:
            self._done = ProgressState(self._done.count, None, self._done.note)
            self._say()

    def _say_first(self) -> None:
        if self._first is not None:
            say(self._first)
        self._first = None

    def _say(self) -> None:
        self._say_first()
        self._said = self._done
        parts = (f"{self._done.count:,} of {self._of}", self._done.note, in_words(self._done.left))
        say(f"{self._title}: {', '.join(part for part in parts if part)}")


def display_for(console: Console, *, patient: bool = False) -> ProgressDisplay:
    """A bar where the console is a terminal that can move its cursor, lines elsewhere; ``patient`` as of `LogLines`."""
    return TerminalBar(console) if is_terminal(console) else LogLines(patient=patient)


def is_terminal(console: Console) -> bool:
    """Whether the console is a terminal. rich's own answer is not used: with FORCE_COLOR it is yes even for a file."""
    return console.is_terminal and console.file.isatty() and not console.is_dumb_terminal
