"""Removing objects of a store in an order, and with second looks, that no commit at the same time can suffer from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime

from featurestore.maintenance.needs import Needs
from featurestore.objects import Listed, Objects
from featurestore.tags import tags

BATCH = 1000
"""Segments of which the records are removed before the newest snapshot is looked at again."""
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


def remove_old(objects: Objects, doomed: Sequence[Listed], cutoff: datetime) -> None:
    """Remove objects, but for those that were written anew since they were listed."""

    def remove(stored: Listed) -> None:
        written = objects.written_at(stored.path)
        if written is not None and written < cutoff:
            objects.delete([stored.path])

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(remove, doomed))


def remove_segments(
    objects: Objects, removable: Mapping[str, SegmentFolder], needs: Needs, cutoff: datetime
) -> dict[str, SegmentFolder]:
    """Remove what may go of segments, and say what went.

    Records go first. A job that finds no record writes the segment again; one that had found it, and is about to list
    it, looks for the record once more (`featurestore.presence`). Where it was faster, the record comes back.
    """
    gone: dict[str, SegmentFolder] = {}
    names = list(removable)
    with ThreadPoolExecutor(THREADS) as pool:
        for start in range(0, len(names), BATCH):
            batch = names[start : start + BATCH]
            taken = dict(
                zip(batch, pool.map(lambda n: _take_record(objects, removable[n], cutoff), batch), strict=True)
            )
            needs.add_published_since(objects)
            listed = needs.segments
            for name in batch:
                record = removable[name].record
                if record is None or (name not in listed and taken[name] and objects.size(record.path) is None):
                    gone[name] = removable[name]
                elif data := taken[name]:
                    objects.create(record.path, data)
            paths = [
                stored.path
                for name in batch
                if name in gone
                for attempt, found in gone[name].attempts.items()
                if (name, attempt) not in needs.attempts
                for stored in found
            ]
            list(pool.map(lambda path: objects.delete([path]), paths))
    return gone


def _take_record(objects: Objects, folder: SegmentFolder, cutoff: datetime) -> bytes | None:
    """Remove a completion record and return its bytes; None where there is none, or it was written anew."""
    if folder.record is None:
        return None
    written = objects.written_at(folder.record.path)
    if written is None or written >= cutoff:
        return None
    data = objects.get(folder.record.path)
    objects.delete([folder.record.path])
    return data
