"""How far a long operation is, told to whoever waits for it."""

from __future__ import annotations

from collections.abc import Callable

ProgressCallback = Callable[[int, int], None]
"""Told how many parts of how many are done."""


def silent(_done: int, _of: int) -> None:
    """A `ProgressCallback` for when nobody watches."""
