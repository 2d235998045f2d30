"""Storage whose clock a test moves by hand, and which a job may lose in the middle of its work."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from encore.featurestore.storage.objects import ListedObject, Objects


class Stopped(BaseException):
    """The job that was at work is no more; no handler of an `Exception` may save it."""


class SimulatedStorage(Objects):
    """Objects that look as old as the clock of the test says.

    Attributes:
        hour: what the clock says: hours since the test began.
        written: path → the hour at which the object there was last written.
    """

    def __init__(self, raw: Any, uri: str) -> None:
        super().__init__(raw, uri)
        self.hour = 0
        self.written: dict[str, int] = {}
        self._writes_left: int | None = None
        self._lock = threading.Lock()

    @contextmanager
    def stopping(self, writes: int | None) -> Iterator[None]:
        """Let this many writes and removals of all threads through, and stop the job at the next one; None: never.

        To stop before a read would be the same to the store as to stop before the write that follows it.
        """
        self._writes_left = writes
        try:
            yield
        finally:
            self._writes_left = None

    def put(self, path: str, data: bytes | memoryview, *, durable: bool = True) -> None:
        with self._write():
            super().put(path, data, durable=durable)
            self.written[path] = self.hour

    def replace(self, path: str, data: bytes) -> None:
        if self.unsynced is None:
            # In object storage, replace() is a put, which counts the write itself.
            super().replace(path, data)
            return
        with self._write():
            super().replace(path, data)
            self.written[path] = self.hour

    def create(self, path: str, data: bytes, *, durable: bool = True) -> bool:
        with self._write():
            created = super().create(path, data, durable=durable)
            if created:
                self.written[path] = self.hour
            return created

    def delete(self, paths: Iterable[str]) -> None:
        for path in paths:
            with self._write():
                super().delete([path])
                self.written.pop(path, None)

    def written_at(self, path: str) -> datetime | None:
        written = super().written_at(path)
        return None if written is None else written - self._age(path)

    def listing(self, prefix: str) -> Iterator[ListedObject]:
        for stored in super().listing(prefix):
            yield replace(stored, written_at=stored.written_at - self._age(stored.path))

    def _age(self, path: str) -> timedelta:
        return timedelta(hours=self.hour - self.written[path])

    @contextmanager
    def _write(self) -> Iterator[None]:
        with self._lock:
            if self._writes_left is not None:
                if self._writes_left == 0:
                    raise Stopped
                self._writes_left -= 1
            yield
