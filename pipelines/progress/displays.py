"""What is shown of progress: a live bar on a terminal, lines now and then elsewhere."""

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
"""Seconds between two log lines: rarer, the longer it takes."""


@dataclass(frozen=True)
class ProgressState:
    """How far it is.

    Attributes:
        count: what is done.
        left: seconds that are left; None where nothing can be said.
        note: what else is worth saying.
    """

    count: int
    left: float | None = None
    note: str = ""


class ProgressDisplay(Protocol):
    """Shows progress to a person or a log."""

    def preparing(self, title: str, what: str) -> AbstractContextManager[object]:
        """A job gets ready: ``what`` says how. It cannot be said how far it is."""

    def begin(self, title: str, total: int, noun: str = "document", detail: str = "") -> None:
        """A job starts that has so many of something to do; ``noun`` is the word for one."""

    def show(self, done: ProgressState) -> None:
        """Called a few times a second."""

    def end(self) -> None:
        """It is over."""


class Silent:
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
    """Write a line to standard error, at once; the command line puts its date before it where that is no terminal."""
    print(line, file=sys.stderr, flush=True)


def pause_after(seconds: float) -> float:
    """Seconds between two log lines of something that has taken so long."""
    return min(max(FIRST_PAUSE, seconds / 10), LAST_PAUSE)


class CountColumn(ProgressColumn):
    """``1,000 of 3,000 documents``, as wide from the start as in the end."""

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
    """A live bar: how many are done, what else there is to say, time left. It stays on the terminal at its end."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def preparing(self, title: str, what: str) -> AbstractContextManager[object]:
        """Show a line that moves, and take it away."""
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
        """Leave the bar as it stands, without a time left."""
        self._bar.update(self._task, left="")
        self._bar.stop()


class LogLines:
    """A line at the start, now and then, and at the end, on standard error.

    Args:
        clock: seconds; a monotonic clock.
        patient: whether nothing at all is said of what is over in `FIRST_PAUSE` seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, *, patient: bool = False) -> None:
        self._clock = clock
        self._patient = patient

    def preparing(self, title: str, what: str) -> AbstractContextManager[object]:
        """Say nothing: who reads a log did not wait, and an error is to come first."""
        del title, what
        return nullcontext()

    def begin(self, title: str, total: int, noun: str = "document", detail: str = "") -> None:
        """Say what starts."""
        self._title, self._total, self._of = title, total, counted(total, noun)
        self._started = self._last = self._clock()
        self._said = self._done = ProgressState(0)
        self._first: str | None = f"{title}: {self._of} {detail}".rstrip()
        if not self._patient:
            self._say_first()

    def show(self, done: ProgressState) -> None:
        """Say how far it is, if that is news and the last line old enough."""
        self._done = done
        now = self._clock()
        old = now - self._last >= pause_after(now - self._started)
        if old and done.count != self._said.count and done.count < self._total:
            self._last = now
            self._say()

    def end(self) -> None:
        """Say how far it came, unless that was said."""
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
    """Whether somebody watches: rich's own answer would be yes for a file where FORCE_COLOR is set."""
    return console.is_terminal and console.file.isatty() and not console.is_dumb_terminal
