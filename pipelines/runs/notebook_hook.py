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

    In IPython, Beam puts the number of the cell before the label of every transform, and to do so imports its
    interactive runner, which fails without pandas and with pandas 3; no option turns it off. What other threads build
    meanwhile, such as a pipeline of the notebook's own, is left to Beam.
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
