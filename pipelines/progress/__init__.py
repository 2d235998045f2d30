"""Progress of jobs: counting what is done, estimating the time left, and showing both."""

from encore.pipelines.progress.counts import SharedCounts, UnitCounts
from encore.pipelines.progress.displays import (
    LogLines,
    ProgressDisplay,
    ProgressState,
    SilentDisplay,
    TerminalBar,
    bar_columns,
    display_for,
    is_terminal,
    pause_after,
    say,
)
from encore.pipelines.progress.notebook_bar import NotebookBar
from encore.pipelines.progress.steps import Steps
from encore.pipelines.progress.time_left import TimeLeft, in_words
from encore.pipelines.progress.watch import watch_units

__all__ = [
    "LogLines",
    "NotebookBar",
    "ProgressDisplay",
    "ProgressState",
    "SharedCounts",
    "SilentDisplay",
    "Steps",
    "TerminalBar",
    "TimeLeft",
    "UnitCounts",
    "bar_columns",
    "display_for",
    "in_words",
    "is_terminal",
    "pause_after",
    "say",
    "watch_units",
]
