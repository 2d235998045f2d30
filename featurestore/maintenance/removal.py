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
    """Remove manifests, in this order; those that were tagged meanwhile come back, and the tagged ones are returned.

    Whoever tags a snapshot looks for it again afterwards, so that one of the two sees the other.
    """
    held = {}
    for stored in doomed.values():
        # Another removal may have been here first.
        with suppress(FileNotFoundError):
            held[stored.path] = objects.get(stored.path)
    if held:
        journal = write_journal(objects, held)
        objects.delete(held)
        restore_tagged(objects, held)
        objects.delete([journal])
    # Also those that another removal is putting back.
    return doomed.keys() & set(tags(objects).values())


def restore_tagged(objects: Objects, held: Names) -> None:
    """Put back the manifests that tags name, over one of a commit that took the number and will see it was too late."""
    for path in held.keys() & set(map(manifest_path, tags(objects).values())):
        restore(objects, path, held[path])


def restore(objects: Objects, path: str, content: bytes) -> None:
    """See that an object has this content; one that has it keeps its age."""
    with suppress(FileNotFoundError):
        if objects.get(path) == content:
            return
    objects.put(path, content)
