"""What the snapshots that are kept need: which ones those are, and the objects that their manifests lead to."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise

from featurestore.errors import StoreError
from featurestore.objects import Objects
from featurestore.store import version_log
from featurestore.versions import MANIFEST, strays

REMOVALS = frozenset({"vacuum", "forget"})
"""Operations whose snapshots change nothing (`featurestore.maintenance.fenced_removal`)."""


@dataclass(frozen=True)
class KeepRule:
    """Which snapshots stay besides the newest and the tagged ones.

    Attributes:
        newest: so many of the newest.
        since: every one that was the newest at this time or later.
    """

    newest: int
    since: datetime

    def kept(self, written: Mapping[int, datetime], tagged: Collection[int]) -> set[int]:
        """Numbers of the snapshots to keep.

        A snapshot counts by when it was followed, not by when it was made: a job that began an hour ago may be working
        from one that had been the newest for a month.

        Args:
            written: number → when the manifest was written, of every snapshot that there is.
            tagged: numbers of the snapshots that tags name.
        """
        numbers = sorted(written)
        last = numbers[-max(1, self.newest) :]
        # What followed a snapshot before a gap went with an earlier vacuum, whatever comes behind the gap.
        recent = [
            number
            for number, follower in pairwise(numbers)
            if written[number if follower > number + 1 else follower] >= self.since
        ]
        # All from the first of them: the clocks of those who wrote them need not agree.
        first = min((*last, *recent), default=0)
        return {number for number in numbers if number >= first} | (set(tagged) & set(numbers))


def spanning(objects: Objects, numbers: Collection[int], states: int) -> int:
    """How many of the newest snapshots it takes for so many states of the store: removals publish equal ones.

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


def without_strays(objects: Objects, kept: Collection[int], tagged: Collection[int]) -> set[int]:
    """Snapshots to keep, but for untagged manifests that were never in force (`featurestore.versions.strays`)."""
    never = strays(version_log(objects).those(kept, taken=True))
    return set(kept) - (never - set(tagged))


@dataclass
class Needs:
    """Objects that some snapshots need.

    Attributes:
        newest: the highest snapshot that was looked at.
        lists: digests of segment lists.
        vectors: digests of deletion vectors.
        attempts: (segment, attempt).
        records: sha256 (hex) of completion records.
    """

    newest: int = 0
    lists: set[str] = field(default_factory=set)
    vectors: set[str] = field(default_factory=set)
    attempts: set[tuple[str, str]] = field(default_factory=set)
    records: set[str] = field(default_factory=set)

    @property
    def segments(self) -> set[str]:
        """Ids of the segments that are listed."""
        return {segment for segment, _ in self.attempts}

    def add(self, objects: Objects, snapshots: Iterable[int]) -> None:
        """What these snapshots need as well.

        One that another removal has taken since it was listed needs nothing, nor does a manifest that was never in
        force: what it names may be gone.

        Raises:
            StoreError: a manifest or a list of them is damaged, or a list missing, so that nobody knows what they need.
        """
        log = version_log(objects)
        manifests = log.those(set(snapshots), taken=True)
        never = strays(manifests)
        for manifest in manifests:
            self.newest = max(self.newest, manifest.version)
            if manifest.version in never:
                continue
            try:
                entries = log.entries(manifest) if manifest.lists else None
            except StoreError:
                if log.find(manifest.version, taken=True) is None:
                    continue
                raise
            self.lists.update(part.digest for part in manifest.lists)
            if entries is not None:
                self.vectors.update(digest for digest in entries["deletions"].to_pylist() if digest is not None)
                self.records.update(entries["record"].to_pylist())
                self.attempts.update(zip(entries["segment"].to_pylist(), entries["attempt"].to_pylist(), strict=True))

    def add_published_since(self, objects: Objects) -> None:
        """What snapshots need that were published since the last look."""
        published = (MANIFEST.fullmatch(path) for path, _ in objects.walk("manifests"))
        self.add(objects, [int(match[1]) for match in published if match is not None and int(match[1]) > self.newest])
