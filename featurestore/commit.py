"""One change to a store, published as its next snapshot and rebased onto whatever was committed meanwhile."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from featurestore.deletions import read_deletions, write_deletions
from featurestore.entries import SegmentEntry, entry_table, snapshot_counts
from featurestore.errors import CommitConflict
from featurestore.store import Store, version_log

ATTEMPTS = 50
"""Times a commit is tried again after another writer was first."""
LONGEST_WAIT = 2.0
"""Seconds: the longest pause between two tries."""

Positions = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Change:
    """What a job wants to change.

    Attributes:
        base: version of the snapshot that the job worked from.
        operation: ``encode``, ``derive``, …: shown in the history.
        added: finished segments.
        dropped: segment of the base → positions of the documents to take away: superseded or pruned ones.
    """

    base: int
    operation: str
    added: Sequence[SegmentEntry] = ()
    dropped: Mapping[str, Positions] = field(default_factory=dict)


def commit(store: Store, change: Change) -> Store:
    """Publish a change and return the store at the snapshot that holds it.

    A segment that was listed meanwhile is dropped from the change. A document that was committed meanwhile with the
    same text is dropped from the change; with another text, this later commit supersedes it. A change of nothing
    publishes nothing.

    Raises:
        CommitConflict: other writers were first `ATTEMPTS` times in a row.
    """
    log = version_log(store.objects)
    for attempt in range(ATTEMPTS):
        head = Store(store.objects, store.spec, log.latest())
        changed = _rebased(head, change)
        if not changed:
            return head
        listed = {entry.segment: entry for entry in head.entries} | {entry.segment: entry for entry in changed}
        counts = snapshot_counts(listed.values())
        manifest = log.publish(head.manifest, change.operation, counts, entry_table(changed))
        if manifest is not None:
            return Store(store.objects, store.spec, manifest)
        # Writers that met once would meet again if they all waited as long.
        time.sleep(random.uniform(0, min(LONGEST_WAIT, 0.01 * 2**attempt)))  # noqa: S311
    raise CommitConflict(f"{store.uri}: other writers were first {ATTEMPTS} times in a row; run the command again")


def _rebased(head: Store, change: Change) -> list[SegmentEntry]:
    """The entries that ``change`` makes of the head: new ones, and old ones under another deletion vector."""
    ordinals = {entry.segment: i for i, entry in enumerate(head.entries)}
    added = [entry for entry in change.added if entry.segment not in ordinals and entry.documents]
    gone: dict[str, list[Positions]] = {}
    for segment, positions in change.dropped.items():
        if segment in ordinals:
            gone.setdefault(segment, []).append(positions)
    if added and head.version != change.base:
        for segment, positions in _meanwhile(head, change.base, added):
            gone.setdefault(segment, []).append(positions)
    entries = {entry.segment: entry for entry in (*head.entries, *added)}
    changed = {entry.segment: entry for entry in added}
    for segment, lists in gone.items():
        old = read_deletions(head.objects, entries[segment].deletions)
        new = np.unique(np.concatenate([old, *lists]))
        if len(new) > len(old):
            changed[segment] = entries[segment].without(write_deletions(head.objects, new), len(new))
    return [entry for entry in changed.values() if entry.segment in ordinals or entry.live]


def _meanwhile(head: Store, base: int, added: Sequence[SegmentEntry]) -> list[tuple[str, Positions]]:
    """What is taken away from whom, between our segments and those that others committed since ``base``."""
    known = {entry.segment for entry in Store(head.objects, head.spec, version_log(head.objects).at(base)).entries}
    theirs = head.keys_of([i for i, entry in enumerate(head.entries) if entry.segment not in known])
    gone: list[tuple[str, Positions]] = []
    for entry in added:
        index: pa.Table = head.reader(entry).index(["key_hash", "text_digest"])
        found = theirs.find(index["key_hash"])
        same = theirs.same_text(found, index["text_digest"])
        if same.any():
            gone.append((entry.segment, np.flatnonzero(same)))
        superseded = found[(found >= 0) & ~same]
        gone += head.locate(theirs, superseded).items()
    return gone
