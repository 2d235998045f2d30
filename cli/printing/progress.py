"""Progress of work without a Beam job: a bar on a terminal, lines elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from encore.cli.console.terminal import error_console
from encore.pipelines.progress import Steps, display_for

NOUNS = {"calibrating": "setting", "training heads": "head"}
"""Step of a trade-off → the word for the items that it counts."""


@contextmanager
def segment_progress(title: str) -> Iterator[Callable[[int, int], None]]:
    """Show the number of segments done: a bar on a terminal; elsewhere a line now and then, if it takes long."""
    with Steps(display_for(error_console(), patient=True)) as steps:
        yield lambda done, of: steps.show(title, done, of, "segment")


@contextmanager
def trial_progress() -> Iterator[Callable[[str, int, int], None]]:
    """Show the steps of a trade-off: a bar for each, or lines if there is no terminal."""
    with Steps(display_for(error_console())) as steps:
        yield lambda what, done, total: steps.show(what, done, total, NOUNS[what])
