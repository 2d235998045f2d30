"""Compaction: small segments become few, and rows that were deleted leave, without decoding a feature."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from encore.featurestore.catalogue import Catalogue
from encore.featurestore.commits import Change, commit
from encore.featurestore.errors import CommitConflict, UsageError
from encore.featurestore.history import require_records
from encore.featurestore.rewriting.merge import merge
from encore.featurestore.segments import SegmentEntry, SegmentRecord

TARGET_BYTES = 64 << 20
COMMIT_GROUPS = 64
"""Groups of one commit. Each commit reads the newest snapshot: a commit for each group would cost more than copying
small groups."""
GROUP_SEGMENTS = 4096
"""Maximum number of segments that are merged into one: all of them but their features is in memory, some 26 KB each.
The next pass merges the results if these are still small."""
PASSES = 10
"""Maximum number of passes; each looks at the newest snapshot for what is left to do."""
PATIENT_PASSES = 2
"""From this pass on, segments that others have changed meanwhile are left for the next compaction: a segment that is
changed again and again would keep its neighbours from ever merging."""


@dataclass(frozen=True)
class Group:
    """Neighbouring segments that become one, or no segment if none of their documents is live.

    Attributes:
        sources: their entries, in the snapshot's order.
    """

    sources: tuple[SegmentEntry, ...]

    @property
    def live(self) -> int:
        """Documents of the segment that it becomes."""
        return sum(entry.live for entry in self.sources)


@dataclass(frozen=True)
class Compaction:
    """What a compaction did, or would do.

    Attributes:
        before: number of the snapshot that it found.
        after: number of the snapshot that it left; the same where there was nothing to do.
        segments: (before, after): segments of the snapshot.
        replaced: segments that left the list.
        written: segments that took their place.
        documents: documents that were copied.
        deleted: rows of the index that left: documents deleted or superseded before.
        payload_bytes: packed features that were copied.
    """

    before: int
    after: int
    segments: tuple[int, int]
    replaced: int = 0
    written: int = 0
    documents: int = 0
    deleted: int = 0
    payload_bytes: int = 0

    def to_dict(self) -> dict[str, Any]:
        """JSON for programs."""
        return {**vars(self), "segments": {"before": self.segments[0], "after": self.segments[1]}}

    def with_group(self, group: Group, payload_bytes: int) -> Compaction:
        """The totals with this group added."""
        return replace(
            self,
            replaced=self.replaced + len(group.sources),
            written=self.written + (group.live > 0),
            documents=self.documents + group.live,
            deleted=self.deleted + sum(entry.deleted for entry in group.sources),
            payload_bytes=self.payload_bytes + payload_bytes,
        )


def compact(store: Catalogue, *, target_bytes: int = TARGET_BYTES, dry_run: bool = False) -> Compaction:
    """Merge small segments that are neighbours, and write those with deleted documents anew without them.

    One output segment is in memory at a time. After a crash, finished output segments are found by name. If another
    writer changes a group while it is copied, the group is tried again, at most `PASSES` times. Segments that keep
    changing are left for the next compaction.

    Args:
        store: the store; its newest snapshot is compacted, whichever snapshot is open.
        target_bytes: packed bytes of a merged segment: larger segments are left alone, unless documents were deleted.
        dry_run: only say what would be done.

    Raises:
        UsageError: the target is not positive.
        StoreError: a link lies in the store; nothing is changed.
        CommitConflict: others changed all that was copied, every time.
    """
    if target_bytes < 1:
        raise UsageError(f"target of {target_bytes} bytes: expected at least 1")
    store.objects.require_no_links()
    head = first = store.newest()
    require_records(head.objects, head.manifest, head.listed)
    done = Compaction(first.version, first.version, (len(first.entries),) * 2)
    ours: set[str] = set()
    restless: set[str] = set()
    for number in range(PASSES):
        left_alone = restless - ours if number >= PATIENT_PASSES else set()
        groups = plan_groups([entry for entry in head.entries if entry.segment not in left_alone], target_bytes)
        if dry_run:
            for group in groups:
                done = done.with_group(group, sum(map(_live_bytes, group.sources)))
            return replace(done, segments=(len(first.entries), len(first.entries) - done.replaced + done.written))
        if not groups:
            break
        for start in range(0, len(groups), COMMIT_GROUPS):
            written = [
                (group, (merge(head, group.sources) if group.live else None))
                for group in groups[start : start + COMMIT_GROUPS]
            ]
            after, landed = _commit(head, written)
            for group, record in landed:
                done = done.with_group(group, 0 if record is None else record.payload_bytes)
                ours |= set() if record is None else {record.segment}
            done = replace(done, after=after.version, segments=(done.segments[0], len(after.entries)))
        before, head = head, store.newest()
        restless |= {entry.segment for entry in head.entries if before.listed.get(entry.segment) != entry}
    if done.replaced == 0 and plan_groups(head.entries, target_bytes):
        raise CommitConflict(
            f"{store.uri}: other jobs changed the segments again and again during the compaction; run the command again"
        )
    return done


def plan_groups(entries: Sequence[SegmentEntry], target_bytes: int) -> list[Group]:
    """The groups to rewrite, in the snapshot's order.

    A merged segment is listed after all segments that stay, so a segment that stays may lie between two neighbours.
    Segments without a live document leave together, as one group.
    """
    dead = tuple(entry for entry in entries if not entry.live)
    runs = _neighbours([entry for entry in entries if entry.live], target_bytes)
    groups = [Group(tuple(run)) for run in runs if len(run) > 1 or run[0].deleted]
    return [*groups, Group(dead)] if dead else groups


def _neighbours(entries: Sequence[SegmentEntry], target_bytes: int) -> Iterator[list[SegmentEntry]]:
    """Runs of segments that together hold no more than the target; a larger one stands alone."""
    run: list[SegmentEntry] = []
    size = 0
    for entry in entries:
        live = _live_bytes(entry)
        if live >= target_bytes:
            yield [entry]
            continue
        if run and (size + live > target_bytes or len(run) == GROUP_SEGMENTS):
            yield run
            run, size = [], 0
        run.append(entry)
        size += live
    if run:
        yield run


def _live_bytes(entry: SegmentEntry) -> int:
    """Packed bytes of the live documents, as if all were as long."""
    return entry.payload_bytes * entry.live // max(1, entry.documents)


Written = tuple[Group, SegmentRecord | None]


def _commit(base: Catalogue, written: Sequence[Written]) -> tuple[Catalogue, list[Written]]:
    """Commit what was written, without groups that others changed; returns the snapshot after and what it took.

    If another change comes between the check and the commit, it checks again.
    """
    for _ in range(PASSES):
        head = base.newest()
        current = [part for part in written if _still_right(head, *part)]
        if not current:
            return head, []
        added = [SegmentEntry.of(record) for _, record in current if record is not None]
        replaced = {entry.segment: entry for group, _ in current for entry in group.sources}
        try:
            return commit(head, Change(head.version, "compact", added, replaced=replaced)), current
        except CommitConflict:
            continue
    return head, []


def _still_right(head: Catalogue, group: Group, record: SegmentRecord | None) -> bool:
    """Whether the sources are listed as they were, and the name of the merged segment is free."""
    free = record is None or record.segment not in head.listed
    return free and all(head.listed.get(entry.segment) == entry for entry in group.sources)
