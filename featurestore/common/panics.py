"""A Rust library that gives up on something: as an error like any other, so that it costs what it concerns alone.

Python learns of a panic by a ``PanicException`` that is no `Exception`: whatever keeps one row or one unit from ending
a job would let it through. Each library has a class of its own under that name, and none exports it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class RustPanic(RuntimeError):
    """A library's Rust code ended in a panic; the text is the panic's own, and may quote what the code worked on."""


@contextmanager
def panics_as_errors() -> Iterator[None]:
    """Raise `RustPanic` for a panic; all else passes, an interrupt too. Also a decorator."""
    try:
        yield
    except BaseException as error:
        kind = type(error)
        if (kind.__module__, kind.__name__) != ("pyo3_runtime", "PanicException"):
            raise
        raise RustPanic(str(error)) from error
