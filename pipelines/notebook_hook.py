"""Keeps what Beam does for pipelines of a notebook away from jobs that a notebook merely starts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock, get_ident
from typing import Any

import apache_beam.pipeline

HOOK = "alter_label_if_ipython"
_TAKEN_OUT = Lock()


@contextmanager
def without_notebook_hook() -> Iterator[None]:
    """Build pipelines in this thread as they are built outside IPython.

    In IPython, Beam puts the number of the cell before the label of every transform, and to do so imports its interactive
    runner, whose packages a job has no use for, and not every version of which it bears. There is no option against it.
    Pipelines of other threads, such as those that a notebook builds of its own, keep their labels.
    """
    builder = get_ident()
    with _TAKEN_OUT:
        hook: Callable[..., None] = getattr(apache_beam.pipeline, HOOK)

        def of_other_threads(*applied: Any) -> None:
            if get_ident() != builder:
                hook(*applied)

        setattr(apache_beam.pipeline, HOOK, of_other_threads)
        try:
            yield
        finally:
            setattr(apache_beam.pipeline, HOOK, hook)
