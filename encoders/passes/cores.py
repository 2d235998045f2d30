"""The cores of a process, divided among the threads that encode at the moment."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

import torch


class SharedCores:
    """Gives each thread that encodes its share of the cores, and the last one all of them.

    Units are not of one size: where the share were fixed, cores would idle while the last units are encoded. With
    oneDNN's products the features do not change with the number of threads (tested).

    Args:
        cores: to divide; None leaves torch's number of threads alone.
    """

    def __init__(self, cores: int | None) -> None:
        self._cores = cores
        self._lock = Lock()
        self._at_work = 0

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Count the calling thread among those that encode."""
        with self._lock:
            self._at_work += 1
        try:
            yield
        finally:
            with self._lock:
                self._at_work -= 1

    def divide(self) -> None:
        """Let torch use this thread's share, for a thread at work to call before every batch."""
        if self._cores is None:
            return
        # torch counts threads for each thread that calls it.
        share = max(1, self._cores // max(1, self._at_work))
        if torch.get_num_threads() != share:
            torch.set_num_threads(share)
