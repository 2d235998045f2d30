from __future__ import annotations

import io

import pytest
from rich.console import Console

from encore.encoders.training import StepReport
from encore.experiments.training.display import RunningFigures, TrainingBar, TrainingLines, training_display_for


class Terminal(io.StringIO):
    """What is drawn on a terminal."""

    def isatty(self) -> bool:
        return True


def step(number: int, seconds: float = 2.0, **losses: float) -> StepReport:
    return StepReport(number, 10, losses, 0.0, 300, seconds)


def test_losses_are_averaged_with_weights_that_fade():
    figures = RunningFigures(["a"])
    for number, loss in enumerate([1.0, 3.0, 5.0, 2.0], 1):
        figures.add(step(number, a=loss))
    expected = (1.0 * 0.95**3 + 3.0 * 0.95**2 + 5.0 * 0.95 + 2.0) / (0.95**3 + 0.95**2 + 0.95 + 1)
    assert figures.losses == {"a": pytest.approx(expected)}
    assert figures.tokens_per_second == 150.0
    assert figures.left == "12 s left"


def test_without_a_terminal_lines_come_every_few_seconds_and_at_the_end(capsys: pytest.CaptureFixture[str]):
    lines = TrainingLines()
    lines.begin("multitask", 4, 10, ["sst2", "rte"])
    for number in range(5, 11):
        lines.show(step(number, sst2=0.5, rte=0.7))
    lines.measure("rte")
    lines.end()
    assert capsys.readouterr().err.splitlines() == [
        "multitask: 10 steps, resumed after 4",
        "multitask: 7 of 10 steps, 150 tokens/s; loss sst2 0.500, rte 0.700",
        "multitask: 10 of 10 steps, 150 tokens/s; loss sst2 0.500, rte 0.700",
        "multitask: measuring rte on its dev documents",
    ]


def test_a_terminal_shows_a_bar_and_each_tasks_loss():
    console = Console(file=Terminal(), force_terminal=True, width=100)
    bar = training_display_for(console)
    assert isinstance(bar, TrainingBar)
    bar.begin("multitask", 0, 10, ["sst2", "rte"])
    bar.show(step(1, sst2=0.25, rte=0.75))
    bar.end()
    shown = console.file.getvalue()
    for word in ("multitask", "1 of 10 steps", "150 tokens/s", "0.250", "0.750", "sst2", "rte"):
        assert word in shown


def test_no_terminal_gets_no_bar():
    assert isinstance(training_display_for(Console(file=io.StringIO())), TrainingLines)
