"""Progress of jobs: what has passed by, how long the rest takes, and what is shown of it."""

from pipelines.progress.displays import Done, ProgressDisplay, Silent, display_for, is_terminal
from pipelines.progress.passing import Counts, Passing
from pipelines.progress.steps import Steps
from pipelines.progress.time_left import TimeLeft
from pipelines.progress.watch import watch_units

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
