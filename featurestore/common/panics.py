"""Panics of Rust libraries as ordinary errors, so that a panic costs only the row or unit that it concerns.

Python sees a panic as a ``PanicException``, which is not an `Exception`. The handlers that keep one row or unit from
ending a job would not catch it. Each library has its own class of that name, and none exports it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class RustPanic(RuntimeError):
    """A library's Rust code ended in a panic; the text is the panic's own, and may quote what the code worked on."""


@contextmanager
def panics_as_errors() -> Iterator[None]:
    """Turn a panic into `RustPanic`; every other exception passes, an interrupt too. Also a decorator."""
    try:
        yield
    except BaseException as error:
        kind = type(error)
        if (kind.__module__, kind.__name__) != ("pyo3_runtime", "PanicException"):
            raise
        raise RustPanic(str(error)) from error
