"""A survey of a damaged store's snapshots: what is whole, and which of them cannot stay."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace

import pyarrow as pa
import pyarrow.compute as pc

from encore.featurestore.errors import StoreError, UsageError
from encore.featurestore.history import EMPTY, Manifest, snapshot_number, tag_names, version_log
from encore.featurestore.repair.damage import Damage
from encore.featurestore.segments import SegmentEntry, entries_of
from encore.featurestore.storage import Objects


@dataclass(frozen=True)
class SnapshotSurvey:
    """The snapshots of a damaged store.

    Attributes:
        newest: the highest number that is taken.
        base: the newest snapshot whose manifest and lists can be read, which a repair restores; `EMPTY` if there is
            none.
        counted: counts of the newest readable manifest, even if its lists are damaged; empty if none can be read.
        kept: the segments of the base that are whole.
        unlisted: its other segments, and why they cannot be listed.
        retired: numbers of snapshots that are damaged, need a damaged object, or are missing.
        tags: names of tags that are damaged or name a retired snapshot.
    """

    newest: int
    base: Manifest
    counted: Mapping[str, int]
    kept: tuple[SegmentEntry, ...]
    unlisted: tuple[tuple[SegmentEntry, str], ...]
    retired: tuple[int, ...]
    tags: tuple[str, ...]

    @property
    def is_older(self) -> bool:
        """Whether an older snapshot is restored: documents that were deleted since are back in it."""
        return self.base.version < self.newest

    @property
    def parent(self) -> Manifest:
        """The parent of a repair's snapshot, without its lists, since some may be damaged."""
        return replace(self.base, version=self.newest, parent=max(0, self.newest - 1), lists=())

    @property
    def lost(self) -> int | None:
        """Documents of the newest snapshot that the kept segments lack; None if unknown."""
        if "documents" not in self.counted:
            return None
        return max(0, self.counted["documents"] - sum(entry.live for entry in self.kept))


def survey_snapshots(objects: Objects, damage: Damage) -> SnapshotSurvey:
    """What is whole of the snapshots, by what a verification found damaged.

    Raises:
        StoreError: a manifest is of a newer format, or damaged since the verification.
    """
    log = version_log(objects)
    taken = log.taken()
    newest = max(taken, default=0)
    tagged = _tagged(objects, damage)
    readable: dict[int, Manifest] = {}
    for number in (number for number, emptied in taken.items() if not emptied):
        manifest = _read(objects, number, damage, number in tagged.values())
        if manifest is not None:
            readable[number] = manifest
    counted = readable[max(readable)].counts if readable else {}
    whole = {n: it for n, it in readable.items() if damage.lists.isdisjoint(part.digest for part in it.lists)}
    base = whole[max(whole)] if whole else EMPTY
    entries = entries_of(log.entries(base)) if base.lists else []
    reasons = [(entry, damage.harms(entry)) for entry in entries]
    retired = readable.keys() - whole.keys()
    retired |= {number for number, emptied in taken.items() if not emptied and number in damage.manifests}
    if damage.segments or damage.vectors:
        retired |= {n for n, manifest in whole.items() if manifest.lists and _is_harmed(log.entries(manifest), damage)}
    retired |= set(_missing(damage.manifests, taken))
    return SnapshotSurvey(
        newest=newest,
        base=base,
        counted=counted,
        kept=tuple(entry for entry, reason in reasons if reason is None),
        unlisted=tuple((entry, reason) for entry, reason in reasons if reason is not None),
        retired=tuple(sorted(retired)),
        tags=tuple(sorted(damage.tags | {name for name, number in tagged.items() if number in retired})),
    )


def _read(objects: Objects, number: int, damage: Damage, tagged: bool) -> Manifest | None:
    """A manifest; None where it is damaged, or a removal has taken it and no tag names it."""
    try:
        return version_log(objects).find(number, taken=tagged)
    except StoreError:
        if number not in damage.manifests:
            raise
        return None


def _is_harmed(table: pa.Table, damage: Damage) -> bool:
    """Whether a snapshot of these entries needs a damaged segment or deletion vector."""
    segments = pc.is_in(table["segment"], value_set=pa.array(sorted(damage.segments), pa.string()))
    vectors = pc.is_in(table["deletions"], value_set=pa.array(sorted(damage.vectors), pa.string()))
    return bool(pc.any(pc.or_(segments, vectors), min_count=0).as_py())


def _missing(first: Iterable[int], taken: Mapping[int, bool]) -> Iterable[int]:
    """Numbers of missing manifests: for each number of ``first``, those of the gap that begins there."""
    for number in first:
        while number not in taken and number < max(taken, default=0):
            yield number
            number += 1  # noqa: PLW2901


def _tagged(objects: Objects, damage: Damage) -> dict[str, int]:
    """Sound tag → the number of its snapshot."""
    found = {}
    for name in tag_names(objects):
        # A tag may be removed meanwhile.
        with suppress(UsageError):
            if name not in damage.tags:
                found[name] = snapshot_number(objects, name)
    return found
