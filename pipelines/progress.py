"""Progress of a job, by counting the units that have an outcome: no runner shows its metrics while it runs."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from pipelines.runs import RunFolder

POLL_SECONDS = 0.5
"""Pause between two looks at the outcomes, on storage that answers at once."""
LOG_SECONDS = 5.0
"""Pause between two log lines where there is no terminal."""


@dataclass(frozen=True)
class Done:
    """What is finished so far: units, the documents they cover, tokens encoded, and seconds since the start."""

    units: int
    documents: int
    tokens: int
    seconds: float

    @property
    def tokens_per_second(self) -> float:
        """Tokens encoded a second since the start."""
        return self.tokens / self.seconds if self.seconds > 0 else 0.0


class ProgressDisplay(Protocol):
    """Shows progress to a person or a log."""

    def begin(self, job: str, units: int, documents: int) -> None:
        """A job of so many units and documents starts."""

    def show(self, done: Done) -> None:
        """Called a few times a second."""

    def end(self) -> None:
        """The job is over."""


class Silent:
    """Shows nothing: for notebooks and tests."""

    def begin(self, job: str, units: int, documents: int) -> None:
        """Show nothing."""

    def show(self, done: Done) -> None:
        """Show nothing."""

    def end(self) -> None:
        """Show nothing."""


class TerminalBar:
    """A live bar: documents, tokens a second, time left."""

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            TextColumn("[bold]{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("documents"),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
            console=console,
            transient=False,
        )

    def begin(self, job: str, units: int, documents: int) -> None:
        """Draw the bar."""
        del units
        self._task = self._progress.add_task(job, total=documents, rate="")
        self._progress.start()

    def show(self, done: Done) -> None:
        """Move the bar."""
        rate = f"{done.tokens_per_second:,.0f} tokens/s" if done.tokens else ""
        self._progress.update(self._task, completed=done.documents, rate=rate)

    def end(self) -> None:
        """Leave the bar as it stands."""
        self._progress.stop()


class LogLines:
    """A plain line every few seconds, on standard error."""

    def begin(self, job: str, units: int, documents: int) -> None:
        """Say what starts."""
        self._job, self._units, self._documents = job, units, documents
        self._last = 0.0
        self._write(f"{job}: {documents:,} documents in {units:,} work unit{'' if units == 1 else 's'}")

    def show(self, done: Done) -> None:
        """Say how far it is, if the last line is old enough."""
        if done.seconds - self._last >= LOG_SECONDS:
            self._last = done.seconds
            left = done.seconds * (self._documents - done.documents) / done.documents if done.documents else None
            self._write(
                f"{self._job}: {done.documents:,}/{self._documents:,} documents, {done.units:,}/{self._units:,} units, "
                f"{done.tokens_per_second:,.0f} tokens/s, {'' if left is None else f'{left:,.0f} s left'}".rstrip(", ")
            )

    def end(self) -> None:
        """Say nothing: the report does."""

    def _write(self, line: str) -> None:
        print(f"{time.strftime('%H:%M:%S')} {line}", file=sys.stderr, flush=True)


def display_for(console: Console) -> ProgressDisplay:
    """A bar on a terminal, log lines elsewhere."""
    return TerminalBar(console) if console.is_terminal else LogLines()


def watch_units(
    run: RunFolder, job: str, units: int, documents: int, display: ProgressDisplay
) -> Callable[[Callable[[], bool]], None]:
    """What `run_to_end` calls while a job of so many units and documents runs."""

    def watch(running: Callable[[], bool]) -> None:
        started = time.monotonic()
        seen: set[int] = set()
        covered = tokens = 0
        display.begin(job, units, documents)
        try:
            while True:
                alive = running()
                looked = time.monotonic()
                for unit, outcome in run.outcomes(run.finished_units() - seen).items():
                    seen.add(unit)
                    covered += outcome["documents_in"]
                    tokens += outcome.get("tokens", 0)
                now = time.monotonic()
                display.show(Done(len(seen), covered, tokens, now - started))
                if not alive:
                    return
                # Where a look takes long, as on far storage with many units, looks are rarer.
                pause = max(POLL_SECONDS, 10 * (now - looked))
                while pause > 0 and running():
                    time.sleep(min(0.05, pause))
                    pause -= 0.05
        finally:
            display.end()

    return watch
