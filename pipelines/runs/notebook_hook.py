"""Switches off what Beam does to pipelines in a notebook, for jobs that a notebook starts."""

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
    """A context in which this thread builds pipelines as outside IPython.

    In IPython, Beam puts the number of the cell before the label of every transform. To do so it imports its
    interactive runner. That import fails without pandas and with pandas 3, and no option turns it off. Pipelines that
    other threads build meanwhile, such as the notebook's own, are not affected.
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
