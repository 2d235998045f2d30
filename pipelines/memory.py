"""Keeping a worker's memory flat."""

from __future__ import annotations

import ctypes
import sys


def give_back_freed_memory() -> None:
    """Return freed heap pages to the system, where the C library can.

    Batches of many shapes leave glibc's heap full of holes that it would keep: memory would creep up by some megabytes
    a unit. Doing this once a unit costs nothing that can be measured; making every large tensor a mapping of its own,
    which also keeps memory flat, cost 11 % of encoding.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim is not None:
        trim(0)
