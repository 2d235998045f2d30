"""What a removal takes: snapshots that no rule keeps, and the objects that no kept snapshot needs."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from encore.featurestore.format import LONG, SHORT, is_emptied
from encore.featurestore.history import MANIFEST, version_log
from encore.featurestore.removal.live_set import LiveSet
from encore.featurestore.segments import RECORD
from encore.featurestore.storage import ListedObject, Objects

LIST_NAME = re.compile(rf"lists/({LONG})\.parquet")
VECTOR_NAME = re.compile(rf"deletions/({SHORT})")
ATTEMPT = re.compile(rf"segments/({SHORT})/([^/]+)/.+")


@dataclass
class SegmentFolder:
    """The stored objects of one segment.

    Attributes:
        record: its completion record, if it has one; it may be a tombstone that holds one.
        attempts: attempt → its objects.
        retired: whether an emptied tombstone has its name: no job can finish it any more.
    """

    record: ListedObject | None = None
    attempts: dict[str, list[ListedObject]] = field(default_factory=dict)
    retired: bool = False

    @property
    def objects(self) -> list[ListedObject]:
        """All of its objects, the record first."""
        own = [] if self.record is None else [self.record]
        return [*own, *(stored for attempt in self.attempts.values() for stored in attempt)]

    def removable(self, needed: Collection[str], before: datetime) -> SegmentFolder:
        """The objects of it that may be removed.

        Of a listed segment, these are old attempts that lost. A segment that is not listed is removed as a whole, once
        all of it is old: before that, a job may be writing an attempt, or may have found the record of a finished one.

        Args:
            needed: attempts that a snapshot lists.
            before: an object is old if it was written before this time.
        """
        if not needed:
            old = self.retired or all(stored.written_at < before for stored in self.objects)
            return self if old else SegmentFolder()
        lost = {attempt: them for attempt, them in self.attempts.items() if attempt not in needed}
        return SegmentFolder(None, {a: them for a, them in lost.items() if all(it.written_at < before for it in them)})


@dataclass(frozen=True)
class Inventory:
    """What lies in storage.

    Attributes:
        segments: segment → what there is of it.
        lists: digest → segment list.
        vectors: digest → deletion vector.
        manifests: number → manifest of a snapshot that is there.
        taken: number → manifest that a removal has begun to take.
    """

    segments: Mapping[str, SegmentFolder]
    lists: Mapping[str, ListedObject]
    vectors: Mapping[str, ListedObject]
    manifests: Mapping[int, ListedObject]
    taken: Mapping[int, ListedObject]

    @classmethod
    def of(cls, objects: Objects) -> Inventory:
        """List a store. Manifests come last, so that what is committed meanwhile counts as listed."""
        segments = _segment_folders(objects)
        lists, vectors = _named(objects, "lists", LIST_NAME), _named(objects, "deletions", VECTOR_NAME)
        numbered = {int(number): stored for number, stored in sorted(_named(objects, "manifests", MANIFEST).items())}
        there = {manifest.version for manifest in version_log(objects).those(numbered)}
        manifests = {number: stored for number, stored in numbered.items() if number in there}
        return cls(segments, lists, vectors, manifests, {n: it for n, it in numbered.items() if n not in there})

    def orphans(self, kept: Collection[int], live: LiveSet, before: datetime, lists_before: datetime) -> Orphans:
        """The objects that may be removed.

        Args:
            kept: numbers of the snapshots that stay.
            live: what these need.
            before: segments and attempts stay if any of their objects was written at this time or later.
            lists_before: the same limit for lists and deletion vectors, which name no document.
        """
        segments = {
            segment: left
            for segment, folder in self.segments.items()
            if (left := folder.removable(live.attempts.get(segment, ()), before)).objects
        }
        manifests = {number: it for number, it in self.manifests.items() if number not in kept}
        # A younger one belongs to the removal that took it.
        taken = {number: it for number, it in self.taken.items() if it.written_at < before}
        return Orphans(
            manifests | taken,
            segments,
            _unneeded(self.lists, live.lists, lists_before),
            _unneeded(self.vectors, live.vectors, lists_before),
        )


@dataclass(frozen=True)
class Orphans:
    """The objects to remove.

    Attributes:
        manifests: number → manifest.
        segments: segment → its objects to remove.
        lists: digest → segment list.
        vectors: digest → deletion vector.
    """

    manifests: Mapping[int, ListedObject]
    segments: Mapping[str, SegmentFolder]
    lists: Mapping[str, ListedObject]
    vectors: Mapping[str, ListedObject]

    def without(self, live: LiveSet, claimed: Collection[str] = ()) -> Orphans:
        """The orphans without what snapshots need after all, and without ``claimed`` segments, now finished by jobs."""
        segments = {
            segment: folder.removable(live.attempts.get(segment, ()), datetime.max.replace(tzinfo=UTC))
            for segment, folder in self.segments.items()
            if segment not in claimed
        }
        return replace(
            self,
            segments={segment: folder for segment, folder in segments.items() if folder.objects},
            lists={digest: it for digest, it in self.lists.items() if digest not in live.lists},
            vectors={digest: it for digest, it in self.vectors.items() if digest not in live.vectors},
        )

    @property
    def records(self) -> list[ListedObject]:
        """Completion records that are to go."""
        return [folder.record for folder in self.segments.values() if folder.record is not None]

    @property
    def attempts(self) -> list[ListedObject]:
        """Objects of attempts that are to go."""
        return [stored for folder in self.segments.values() for them in folder.attempts.values() for stored in them]


def _unneeded(there: Mapping[str, ListedObject], needed: Collection[str], before: datetime) -> dict[str, ListedObject]:
    return {name: it for name, it in there.items() if name not in needed and it.written_at < before}


def _named(objects: Objects, prefix: str, pattern: re.Pattern[str]) -> dict[str, ListedObject]:
    """Name → object below a folder, for paths that match the pattern and are no emptied tombstones; others stay."""
    return {
        match[1]: stored
        for stored in objects.listing(prefix)
        if (match := pattern.fullmatch(stored.path)) and not is_emptied(stored.path, stored.size)
    }


def _segment_folders(objects: Objects) -> dict[str, SegmentFolder]:
    """Segment → its stored objects."""
    folders: dict[str, SegmentFolder] = {}
    for stored in objects.listing("segments"):
        if match := RECORD.fullmatch(stored.path):
            folder = folders.setdefault(match[1], SegmentFolder())
            folder.retired = is_emptied(stored.path, stored.size)
            folder.record = None if folder.retired else stored
        elif match := ATTEMPT.fullmatch(stored.path):
            folders.setdefault(match[1], SegmentFolder()).attempts.setdefault(match[2], []).append(stored)
    return folders
