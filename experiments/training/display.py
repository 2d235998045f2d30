"""Progress of the training of an encoder: steps, tokens a second, time left, each task's loss."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from rich.columns import Columns
from rich.console import Console, Group
from rich.live import Live
from rich.progress import Progress
from rich.text import Text

from encore.encoders.training import StepReport
from encore.featurestore.common import counted
from encore.pipelines.progress import TimeLeft, bar_columns, in_words, is_terminal, pause_after, say

SMOOTHING = 0.95
"""Share of the smoothed loss that each step keeps. A step has few documents of a task, so that its own loss jumps."""


class TrainingDisplay(Protocol):
    """Shows a training to a person or a log."""

    def begin(self, title: str, done: int, steps: int, tasks: Sequence[str]) -> None:
        """A training of so many steps starts, or goes on after ``done`` of them."""

    def show(self, step: StepReport) -> None:
        """Called after every step."""

    def measure(self, task: str) -> None:
        """The training is over, and the head of a task is being measured on its dev documents."""

    def end(self) -> None:
        """All is over."""


class SilentTraining:
    """Shows nothing: for notebooks and tests."""

    def begin(self, title: str, done: int, steps: int, tasks: Sequence[str]) -> None:
        """Show nothing."""

    def show(self, step: StepReport) -> None:
        """Show nothing."""

    def measure(self, task: str) -> None:
        """Show nothing."""

    def end(self) -> None:
        """Show nothing."""


class RunningFigures:
    """Averages over the steps of this run.

    Args:
        tasks: their names.
    """

    def __init__(self, tasks: Sequence[str]) -> None:
        self._sums = dict.fromkeys(tasks, 0.0)
        self._weight = 0.0
        self._left = TimeLeft()
        self.tokens, self.seconds = 0, 0.0

    def add(self, step: StepReport) -> None:
        """Count a step."""
        self.tokens += step.tokens
        self.seconds += step.seconds
        self._left.see(self.seconds, step.number, step.steps - step.number)
        self._weight = SMOOTHING * self._weight + 1
        for task, loss in step.losses.items():
            self._sums[task] = SMOOTHING * self._sums[task] + loss

    @property
    def losses(self) -> dict[str, float]:
        """Task → its losses, averaged with weights that fade; the first steps count in full."""
        return {task: total / max(self._weight, 1.0) for task, total in self._sums.items()}

    @property
    def tokens_per_second(self) -> float:
        """Tokens trained on a second, padding not counted."""
        return self.tokens / self.seconds if self.seconds > 0 else 0.0

    @property
    def left(self) -> str:
        """The time that the steps to come will take, in words."""
        return in_words(self._left.seconds(self.seconds))


class TrainingBar:
    """A live bar, with the smoothed loss of each task below it."""

    def __init__(self, console: Console) -> None:
        self._progress = Progress(*bar_columns())
        self._live = Live(console=console, refresh_per_second=4)

    def begin(self, title: str, done: int, steps: int, tasks: Sequence[str]) -> None:
        """Draw the bar."""
        self._figures = RunningFigures(tasks)
        self._bar = self._progress.add_task(
            title, total=steps, completed=done, of=counted(steps, "step"), note="", left=""
        )
        self._live.update(self._progress)
        self._live.start()

    def show(self, step: StepReport) -> None:
        """Move the bar."""
        self._figures.add(step)
        note = f"{self._figures.tokens_per_second:,.0f} tokens/s"
        self._progress.update(self._bar, completed=step.number, note=note, left=self._figures.left)
        losses = [Text.assemble((f"{task} ", "dim"), f"{loss:.3f}") for task, loss in self._figures.losses.items()]
        self._live.update(Group(self._progress, Columns(losses, padding=(0, 2))))

    def measure(self, task: str) -> None:
        """Name the task in the bar."""
        self._progress.update(self._bar, note=f"measuring {task}", left="")

    def end(self) -> None:
        """Leave the bar as it stands."""
        self._live.stop()


class TrainingLines:
    """A line now and then, on standard error."""

    def begin(self, title: str, done: int, steps: int, tasks: Sequence[str]) -> None:
        """Say what starts."""
        self._title, self._figures = title, RunningFigures(tasks)
        self._last = 0.0
        say(f"{title}: {counted(steps, 'step')}" + (f", resumed after {done:,}" if done else ""))

    def show(self, step: StepReport) -> None:
        """Say how far it is, if the last line is old enough, or this the last step."""
        self._figures.add(step)
        if self._figures.seconds - self._last < pause_after(self._figures.seconds) and step.number < step.steps:
            return
        self._last = self._figures.seconds
        losses = ", ".join(f"{task} {loss:.3f}" for task, loss in self._figures.losses.items())
        steps = f"{step.number:,} of {counted(step.steps, 'step')}"
        figures = [steps, f"{self._figures.tokens_per_second:,.0f} tokens/s", self._figures.left]
        say(f"{self._title}: {', '.join(filter(None, figures))}; loss {losses}")

    def measure(self, task: str) -> None:
        """Name the task."""
        say(f"{self._title}: measuring {task} on its dev documents")

    def end(self) -> None:
        """Say nothing: the report does."""


def training_display_for(console: Console) -> TrainingDisplay:
    """A bar on a terminal, log lines elsewhere."""
    return TrainingBar(console) if is_terminal(console) else TrainingLines()
