"""Progress of a long operation, reported to the caller."""

from __future__ import annotations

from collections.abc import Callable

ProgressCallback = Callable[[int, int], None]
"""Called with the number of parts that are done and the number of all parts."""


def silent(_done: int, _of: int) -> None:
    """A `ProgressCallback` that does nothing."""
