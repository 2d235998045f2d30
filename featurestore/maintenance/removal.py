"""What lies in storage of a segment, and removing manifests so that no tag at the same time names one that is gone."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from featurestore.objects import Listed, Objects
from featurestore.removals import Names, write_journal
from featurestore.tags import tags
from featurestore.versions import manifest_path

THREADS = 16


@dataclass
class SegmentFolder:
    """What lies in storage of one segment.

    Attributes:
        record: its completion record, if it has one.
        attempts: attempt → its objects.
    """

    record: Listed | None = None
    attempts: dict[str, list[Listed]] = field(default_factory=dict)

    @property
    def objects(self) -> list[Listed]:
        """All of its objects, the record first."""
        own = [] if self.record is None else [self.record]
        return [*own, *(stored for attempt in self.attempts.values() for stored in attempt)]


def remove_manifests(objects: Objects, doomed: Mapping[int, Listed]) -> set[int]:
    """Remove manifests, in this order; those that were tagged meanwhile come back, and their numbers are returned.

    Whoever tags a snapshot looks for it again afterwards, so that one of the two sees the other.
    """
    held = {}
    for stored in doomed.values():
        # Another removal may have been here first.
        with suppress(FileNotFoundError):
            held[stored.path] = objects.get(stored.path)
    if not held:
        return set()
    journal = write_journal(objects, held)
    objects.delete(held)
    spared = restore_tagged(objects, held)
    objects.delete([journal])
    return spared


def restore_tagged(objects: Objects, held: Names) -> set[int]:
    """Put back the manifests that tags name; returns their numbers."""
    numbers = {manifest_path(number): number for number in tags(objects).values()}
    spared = numbers.keys() & held.keys()
    for path in spared:
        if not objects.create(path, held[path]) and objects.get(path) != held[path]:
            # A commit that had missed all later ones has taken the number; it will see that it was too late.
            objects.put(path, held[path])
    return {numbers[path] for path in spared}
