"""Progress of work that is no Beam job: a bar on a terminal, lines elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from encore.cli.console.terminal import error_console
from encore.pipelines.progress import Steps, display_for

NOUNS = {"calibrating": "setting", "training heads": "head"}
"""What a trade-off counts while something is done."""


@contextmanager
def segment_progress(title: str) -> Iterator[Callable[[int, int], None]]:
    """Shows segments that are done: a bar on a terminal, elsewhere a line now and then of what takes a while."""
    with Steps(display_for(error_console(), patient=True)) as steps:
        yield lambda done, of: steps.show(title, done, of, "segment")


@contextmanager
def trial_progress() -> Iterator[Callable[[str, int, int], None]]:
    """Shows what is done and how much of it is finished: a bar for each, or lines where there is no terminal."""
    with Steps(display_for(error_console())) as steps:
        yield lambda what, done, total: steps.show(what, done, total, NOUNS[what])
