"""Objects of a store that never change, read once however often a commit is tried."""

from __future__ import annotations

import threading

from encore.featurestore.storage.objects import Objects

NEVER_CHANGE = ("segments/", "lists/", "deletions/")
CACHE_BYTES = 64 << 20
"""Bytes that are held; what does not fit is read again."""


class CachedObjects(Objects):
    """The same objects; those of segments, lists and deletion vectors stay in memory after the first read.

    A commit that lost against another one looks at everything that was committed since its base. If it read all of that
    at each try, each try would take longer than the last. A writer that is behind would then never win against writers
    that start afresh.
    """

    def __init__(self, objects: Objects) -> None:
        super().__init__(objects.raw, objects.uri, objects.unsynced)
        self._held: dict[str, bytes] = {}
        self._left = CACHE_BYTES
        self._lock = threading.Lock()

    def get(self, path: str) -> bytes:
        """Bytes of an object; raises FileNotFoundError where there is none."""
        if path in self._held:
            return self._held[path]
        data = super().get(path)
        if path.startswith(NEVER_CHANGE):
            with self._lock:
                if path not in self._held and len(data) <= self._left:
                    self._held[path] = data
                    self._left -= len(data)
        return data
