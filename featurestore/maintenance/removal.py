"""What lies in storage of a segment, and removing manifests so that no tag at the same time names one that is gone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from featurestore.objects import Listed, Objects
from featurestore.tags import tags

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
    held = {number: objects.get(stored.path) for number, stored in doomed.items()}
    objects.delete(stored.path for stored in doomed.values())
    spared = set(tags(objects).values()) & held.keys()
    for number in spared:
        objects.create(doomed[number].path, held[number])
    return spared
