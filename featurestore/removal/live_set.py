"""The live set: which snapshots are kept, and the objects that their manifests lead to."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise

from encore.featurestore.errors import StoreError
from encore.featurestore.history import version_log
from encore.featurestore.storage import Objects

REMOVALS = frozenset({"vacuum", "forget"})
"""Operations whose snapshots change nothing (`encore.featurestore.removal.sweep`)."""


@dataclass(frozen=True)
class KeepRule:
    """Which snapshots stay besides the newest and the tagged ones.

    Attributes:
        newest: how many of the newest snapshots stay.
        since: every one that was the newest at this time or later.
    """

    newest: int
    since: datetime

    def kept(self, written: Mapping[int, datetime], tagged: Collection[int]) -> set[int]:
        """Numbers of the snapshots to keep.

        The age of a snapshot counts from its follower's commit, not from its own: a job that began an hour ago may work
        from a snapshot that had been the newest for a month.

        Args:
            written: number → when the manifest was written, of every snapshot that there is.
            tagged: numbers of the snapshots that tags name.
        """
        numbers = sorted(written)
        last = numbers[-max(1, self.newest) :]
        # The follower of a snapshot before a gap was removed by an earlier vacuum, whatever comes after the gap.
        recent = [
            number
            for number, follower in pairwise(numbers)
            if written[number if follower > number + 1 else follower] >= self.since
        ]
        # All from the first of them on are kept: the clocks of their writers need not agree.
        first = min((*last, *recent), default=0)
        return {number for number in numbers if number >= first} | (set(tagged) & set(numbers))


def spanning(objects: Objects, numbers: Collection[int], states: int) -> int:
    """How many of the newest snapshots cover ``states`` states of the store: removals publish equal snapshots.

    Args:
        objects: of the store.
        numbers: of the snapshots that are there.
        states: at least 1.
    """
    log, newest_first = version_log(objects), sorted(numbers, reverse=True)
    found = 1
    for taken, (above, number) in enumerate(pairwise(newest_first), 1):
        if found == states:
            return taken
        manifest = log.find(above, taken=True) if above == number + 1 else None
        found += manifest is None or manifest.operation not in REMOVALS
    return len(newest_first)


@dataclass
class LiveSet:
    """Objects that some snapshots need.

    Attributes:
        newest: the highest snapshot that was looked at.
        lists: digests of segment lists.
        vectors: digests of deletion vectors.
        attempts: segment → its attempts that are listed.
    """

    newest: int = 0
    lists: set[str] = field(default_factory=set)
    vectors: set[str] = field(default_factory=set)
    attempts: dict[str, set[str]] = field(default_factory=dict)

    def add(self, objects: Objects, snapshots: Iterable[int]) -> None:
        """Add what these snapshots need.

        A snapshot that another removal has taken since the listing needs nothing.

        Raises:
            StoreError: a manifest or list of theirs is damaged, or a list is missing, so that their needs are unknown.
        """
        log = version_log(objects)
        for manifest in log.those(set(snapshots), taken=True):
            self.newest = max(self.newest, manifest.version)
            try:
                entries = log.entries(manifest) if manifest.lists else None
            except StoreError:
                if log.find(manifest.version, taken=True) is None:
                    continue
                raise
            self.lists.update(part.digest for part in manifest.lists)
            if entries is not None:
                self.vectors.update(digest for digest in entries["deletions"].to_pylist() if digest is not None)
                for segment, attempt in zip(
                    *(entries[name].to_pylist() for name in ("segment", "attempt")), strict=True
                ):
                    self.attempts.setdefault(segment, set()).add(attempt)

    def add_published_since(self, objects: Objects) -> None:
        """Add what snapshots need that were published since the last look."""
        self.add(objects, [number for number in version_log(objects).published() if number > self.newest])
