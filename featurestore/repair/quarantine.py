"""Quarantine: damaged objects are kept below ``aside/<repair id>/``, under their own paths."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from encore.featurestore.errors import StoreError
from encore.featurestore.format import EMPTIED, object_state
from encore.featurestore.storage import OBJECTS_AT_ONCE, Objects


@dataclass(frozen=True)
class Quarantine:
    """Where one repair keeps what was damaged.

    Attributes:
        objects: of the store, or of a predictions folder.
        repair: id of the repair.
    """

    objects: Objects
    repair: str

    @property
    def folder(self) -> str:
        """Full name of the folder."""
        return self.objects.name(f"aside/{self.repair}")

    def keep(self, path: str) -> bool:
        """Copy an object to the quarantine; returns whether there was one."""
        # A finding may name an array, which is no object.
        if self.objects.size(path) is None:
            return False
        data = self.objects.get(path)
        self.objects.put(f"aside/{self.repair}/{path}", data)
        return True

    def keep_all(self, paths: Iterable[str]) -> list[str]:
        """Copy objects to the quarantine; returns the paths of those that were there."""
        wanted = list(paths)
        with ThreadPoolExecutor(OBJECTS_AT_ONCE) as pool:
            return [path for path, there in zip(wanted, pool.map(self.keep, wanted), strict=True) if there]

    def move(self, paths: Iterable[str]) -> list[str]:
        """Move objects to the quarantine; returns the paths of those that were there.

        This is for names that one write alone has: no other write takes them again. All copies are written before an
        object goes, so that an interrupted repair loses none.
        """
        kept = self.keep_all(paths)
        self.objects.barrier()
        self.objects.delete(kept)
        return kept

    def retire(self, paths: Iterable[str]) -> list[str]:
        """Move manifests or completion records to the quarantine, under tombstones; returns those that were there."""
        wanted = [path for path in paths if not self._is_retired(path)]
        kept = self.keep_all(wanted)
        self.objects.barrier()
        for path in wanted:
            self.objects.replace(path, EMPTIED)
        return kept

    def _is_retired(self, path: str) -> bool:
        try:
            found = object_state(self.objects, path)
        except StoreError:
            return False
        return found is not None and found.retired and found.content is None
