"""Progress of jobs: what has passed by, how long the rest takes, and what is shown of it."""

from encore.pipelines.progress.counts import Counts, Passing
from encore.pipelines.progress.displays import Done, ProgressDisplay, Silent, display_for, is_terminal
from encore.pipelines.progress.steps import Steps
from encore.pipelines.progress.time_left import TimeLeft
from encore.pipelines.progress.watch import watch_units

__all__ = [
    "Counts",
    "Done",
    "Passing",
    "ProgressDisplay",
    "Silent",
    "Steps",
    "TimeLeft",
    "display_for",
    "is_terminal",
    "watch_units",
]
