"""One change to a store, published as its next snapshot and rebased onto whatever was committed meanwhile."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from featurestore.deletions import read_deletions, write_deletions
from featurestore.entries import SegmentEntry, entry_table, snapshot_counts
from featurestore.errors import CommitConflict
from featurestore.store import READ_THREADS, Store, version_log
from featurestore.versions import Manifest

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
        added: finished segments; none of their documents is live in the base with the same text.
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
        CommitConflict: other writers were first `ATTEMPTS` times in a row, or a segment that the change takes documents
            from is no longer listed.
    """
    log = version_log(store.objects)
    base = _at(store, log.at(change.base))
    for attempt in range(ATTEMPTS):
        head = _at(base, log.latest())
        changed = _rebased(head, base, change)
        if not changed:
            return head
        listed = head.listed | {entry.segment: entry for entry in changed}
        counts = snapshot_counts(listed.values())
        manifest = log.publish(head.manifest, change.operation, counts, entry_table(changed))
        if manifest is not None:
            return _at(head, manifest)
        # Writers that met once would meet again if they all waited as long.
        time.sleep(random.uniform(0, min(LONGEST_WAIT, 0.01 * 2**attempt)))  # noqa: S311
    raise CommitConflict(f"{store.uri}: other writers were first {ATTEMPTS} times in a row; run the command again")


def _at(store: Store, manifest: Manifest) -> Store:
    """The store at a snapshot; itself where it is there already, since it may have read the segment list."""
    return store if store.manifest == manifest else Store(store.objects, store.spec, manifest)


def _rebased(head: Store, base: Store, change: Change) -> list[SegmentEntry]:
    """The entries that ``change`` makes of the head: new ones, and old ones under another deletion vector.

    A deletion vector only grows: what was taken away from a segment never comes back in it, so that positions worked
    out on the base stay true of every later snapshot.
    """
    added = [entry for entry in change.added if entry.documents and _is_news(entry.segment, head, base)]
    gone: dict[str, list[Positions]] = {}
    for segment, positions in change.dropped.items():
        if segment not in head.listed:
            raise CommitConflict(
                f"{head.uri}: segment {segment}, which loses documents here, is no longer listed; run the command again"
            )
        gone.setdefault(segment, []).append(positions)
    if added and head is not base:
        for segment, positions in _meanwhile(head, base, added):
            gone.setdefault(segment, []).append(positions)
    entries = head.listed | {entry.segment: entry for entry in added}
    changed = {entry.segment: entry for entry in added}
    with ThreadPoolExecutor(READ_THREADS) as pool:
        for entry in pool.map(lambda segment: _less(head, entries[segment], gone[segment]), gone):
            if entry != entries[entry.segment]:
                changed[entry.segment] = entry
    return [entry for entry in changed.values() if entry.segment in head.listed or entry.live]


def _is_news(segment: str, head: Store, base: Store) -> bool:
    """Whether a segment is not listed yet.

    Raises:
        ValueError: the base lists it and has deleted some of its documents, which adding it again would not bring back.
    """
    if segment in base.listed and base.listed[segment].deleted:
        raise ValueError(f"segment {segment} was listed before and lost documents; name it by Store.segment_for")
    return segment not in head.listed


def _meanwhile(head: Store, base: Store, added: Sequence[SegmentEntry]) -> Iterator[tuple[str, Positions]]:
    """What is taken away from whom, between our segments and those that others committed since the base."""
    known = base.listed
    theirs = head.keys_of([i for i, entry in enumerate(head.entries) if entry.live and entry.segment not in known])
    with ThreadPoolExecutor(READ_THREADS) as pool:
        indexes = pool.map(lambda entry: head.reader(entry).index(["key_hash", "text_digest"]), added)
        for entry, index in zip(added, indexes, strict=True):
            found = theirs.find(index["key_hash"])
            same = theirs.same_text(found, index["text_digest"])
            if same.any():
                yield entry.segment, np.flatnonzero(same)
            yield from head.locate(theirs, found[(found >= 0) & ~same]).items()


def _less(head: Store, entry: SegmentEntry, gone: Sequence[Positions]) -> SegmentEntry:
    """The entry without the documents at these positions as well."""
    old = read_deletions(head.objects, entry.deletions)
    new = np.unique(np.concatenate([old, *gone]))
    if len(new) == len(old):
        return entry
    if new[0] < 0 or new[-1] >= entry.documents:
        raise ValueError(f"segment {entry.segment} has {entry.documents} documents; told to drop {new[0]} to {new[-1]}")
    return entry.without(write_deletions(head.objects, new), len(new))
