"""Dividing the cores of a process among the threads that encode at the moment."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

import torch


class SharedCores:
    """Gives each encoding thread its share of the cores, and the last thread all of them.

    Work units differ in size: with fixed shares, cores would idle while the last units are encoded. With oneDNN's
    products the features do not change with the number of threads (tested).

    Args:
        cores: number of cores to divide; None leaves torch's number of threads alone.
    """

    def __init__(self, cores: int | None) -> None:
        self._cores = cores
        self._lock = Lock()
        self._at_work = 0

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Count the calling thread as an encoding one inside the context."""
        with self._lock:
            self._at_work += 1
        try:
            yield
        finally:
            with self._lock:
                self._at_work -= 1

    def divide(self) -> None:
        """Let torch use the calling thread's share of the cores. An encoding thread calls this before every batch."""
        if self._cores is None:
            return
        # torch keeps this number separately for each calling thread.
        share = max(1, self._cores // max(1, self._at_work))
        if torch.get_num_threads() != share:
            torch.set_num_threads(share)
