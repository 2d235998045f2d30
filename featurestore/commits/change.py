"""One change to a store, published as its next snapshot and rebased onto whatever was committed meanwhile."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import chain

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from encore.featurestore.commits.presence import require_present
from encore.featurestore.commits.rebase import CommittedSince
from encore.featurestore.documents import KeyArray
from encore.featurestore.errors import CommitConflict
from encore.featurestore.history import NOTHING, BlockList, Manifest, blocked
from encore.featurestore.segments import (
    SegmentEntry,
    entry_table,
    live_positions,
    read_deletions,
    record_path,
    snapshot_counts,
    write_deletions,
)
from encore.featurestore.storage import REQUESTS_AT_ONCE, Objects, RememberedObjects
from encore.featurestore.store import Store, version_log

ATTEMPTS = 200
"""Times a commit is tried again after another writer was first."""
LONGEST_WAIT = 2.0
"""Seconds: the longest pause between two tries; it is no longer than the try before it took."""

Positions = npt.NDArray[np.int64]
NO_POSITIONS: Positions = np.empty(0, np.int64)


@dataclass(frozen=True)
class Change:
    """What a job wants to change.

    Attributes:
        base: version of the snapshot that the job worked from.
        operation: ``encode``, ``derive``, …: shown in the history.
        added: finished segments; none of their documents is live in the base with the same text.
        dropped: segment of the base → positions of the documents to take away: superseded or pruned ones.
        deleted: (n, 2) key hashes, as `keys.words` gives them, of documents to take away wherever the head has them:
            one that was superseded since the base goes too.
        replaced: segment → the entry that was compacted: these leave the list, and ``added`` holds what they held.
        blocks: the block list has grown: a snapshot that does not know all of it yet is followed by one that does,
            even where nothing else changes, so that a job which is about to commit looks at the list again.
        hidden: segment of ``added`` → positions of documents that are not to live: a repair lists some segments again.
        refreshed: finished segments whose documents live in the base with the same text and other kept columns. They
            take the place of the rows that hold that text now, wherever these are; a document whose row is gone is not
            brought back.
    """

    base: int
    operation: str
    added: Sequence[SegmentEntry] = ()
    dropped: Mapping[str, Positions] = field(default_factory=dict)
    deleted: KeyArray | None = None
    replaced: Mapping[str, SegmentEntry] = field(default_factory=dict)
    blocks: bool = False
    hidden: Mapping[str, Positions] = field(default_factory=dict)
    refreshed: Sequence[SegmentEntry] = ()


def commit(store: Store, change: Change) -> Store:
    """Publish a change and return the store at the snapshot that holds it.

    A segment that was listed meanwhile is dropped from the change. A document that was committed meanwhile with the
    same text is dropped from the change; with another text, this later commit supersedes it. A document that is on the
    block list is dropped from the change. Documents to take away from a segment that was compacted meanwhile are looked
    up in the segments that hold them now. A change of nothing publishes nothing.

    Raises:
        CommitConflict: other writers were first `ATTEMPTS` times in a row; a segment that the change takes documents
            from was never listed; one that it replaces is no longer listed as it was; or one that it adds is gone.
    """
    return commit_on_head(store, change)[1]


def commit_on_head(store: Store, change: Change) -> tuple[Store, Store]:
    """`commit`, as the snapshots before and after the change; they are one where nothing was published."""
    log = version_log(store.objects)
    base = store if store.version == change.base else _at(store, log.at(change.base))
    # What the base says of a segment stays true of it, so that a later try looks only at segments listed since.
    lived = {} if change.deleted is None else base.positions_of(change.deleted, base.entries)
    since = CommittedSince(base)
    block_list = NOTHING
    for attempt in range(ATTEMPTS):
        began = time.monotonic()
        head = _at(base, log.latest())
        # After the head: a list that is written later comes with a later snapshot, which this commit then runs into.
        block_list = blocked(store.objects, block_list)
        incoming = [*change.added, *change.refreshed]
        require_present(store.objects, [e for e in incoming if e.documents and e.segment not in head.listed])
        changed = _rebased(head, since, change, lived, block_list)
        fenced = not change.blocks or head.manifest.counts.get("blocked", 0) == len(block_list)
        if not changed and not change.replaced and fenced:
            head = _of(store.objects, head)
            return head, head
        listed = head.listed | {entry.segment: entry for entry in changed}
        listed = {segment: entry for segment, entry in listed.items() if segment not in change.replaced}
        counts = snapshot_counts(listed.values()) | ({"blocked": len(block_list)} if len(block_list) else {})
        removed = entry_table(change.replaced.values())
        records = [record_path(entry.segment) for entry in changed if entry.segment not in head.listed]
        manifest = log.publish(head.manifest, change.operation, counts, entry_table(changed), removed, records)
        if manifest is not None:
            return _of(store.objects, head), Store(store.objects, store.spec, manifest)
        if attempt == 0:
            remembered = RememberedObjects(store.objects)
            log, base = version_log(remembered), _of(remembered, base)
            since = CommittedSince(base)
        # Writers that met once would meet again if they all waited as long. One that has lost often waits no longer
        # than others: it would lose again to those that do not wait yet.
        time.sleep(random.uniform(0, min(LONGEST_WAIT, time.monotonic() - began)))  # noqa: S311
    raise CommitConflict(f"{store.uri}: other writers were first {ATTEMPTS} times in a row; run the command again")


def _at(store: Store, manifest: Manifest) -> Store:
    """The store at a snapshot; itself where it is there already, since it may have read the segment list."""
    return store if store.manifest == manifest else Store(store.objects, store.spec, manifest)


def _of(objects: Objects, store: Store) -> Store:
    """The same snapshot, read through other objects."""
    return store if store.objects is objects else Store(objects, store.spec, store.manifest)


def _rebased(
    head: Store, since: CommittedSince, change: Change, lived: Mapping[str, Positions], block_list: BlockList
) -> list[SegmentEntry]:
    """The entries that ``change`` makes of the head: new ones, and old ones under another deletion vector.

    A deletion vector only grows: what was taken away from a segment never comes back in it, so that positions worked
    out on the base stay true of every later snapshot.
    """
    base = since.base
    _require_unchanged(head, change)
    added = [entry for entry in change.added if entry.documents and _is_news(entry.segment, head, base)]
    # By each try anew: a vacuum may be taking a vector that was written before its fence.
    added = [less(head, entry, [change.hidden.get(entry.segment, NO_POSITIONS)]) for entry in added]
    refreshed = [entry for entry in change.refreshed if entry.segment not in head.listed]
    dropped = _dropped(head, base, change)
    gone = {segment: [positions] for segment, positions in dropped.items() if segment in head.listed}
    moved = {segment: positions for segment, positions in dropped.items() if segment not in head.listed}
    # What is compacted lived in segments that are still listed unchanged: nobody else can have committed it.
    contested = bool(added) and head is not base and not change.replaced
    for segment, positions in chain(
        _meanwhile(head, since, added) if contested else (),
        _moved(head, since, moved) if moved else (),
        _deleted(head, since, change.deleted, lived) if change.deleted is not None else (),
        # What is compacted lives already: to take it away is for the deletion that blocked it.
        _blocked(head, [*added, *refreshed], block_list) if len(block_list) and not change.replaced else (),
        _refreshed(head, since, refreshed) if refreshed else (),
    ):
        gone.setdefault(segment, []).append(positions)
    changed = {entry.segment: entry for entry in (*added, *refreshed)}
    entries = head.listed | changed
    with ThreadPoolExecutor(REQUESTS_AT_ONCE) as pool:
        for entry in pool.map(lambda segment: less(head, entries[segment], gone[segment]), gone):
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


def _require_unchanged(head: Store, change: Change) -> None:
    """Refuse to replace segments that are gone, or that lost documents since they were read.

    A replacement whose name is listed would be dropped from the change, and what it holds would be lost.
    """
    taken = [entry.segment for entry in change.added if change.replaced and entry.segment in head.listed]
    for segment in (*change.replaced, *taken):
        if segment in taken or head.listed.get(segment) != change.replaced[segment]:
            raise CommitConflict(f"{head.uri}: segment {segment} changed while it was compacted; run the command again")


def _dropped(head: Store, base: Store, change: Change) -> Mapping[str, Positions]:
    """What the change takes away, but for documents of its segments that others listed meanwhile.

    Those have superseded the rows. A row that is there again is one whose text changed back later, and whose place was
    free for it since a compaction.
    """
    listed = [entry.segment for entry in change.added if entry.documents and entry.segment in head.listed]
    if not listed or not change.dropped:
        return change.dropped
    theirs = [head.reader(head.listed[segment]).index(["key_hash"])["key_hash"] for segment in listed]
    keys = pa.chunked_array([chunk for column in theirs for chunk in column.chunks]).combine_chunks()
    left = dict(change.dropped)
    for segment in left.keys() & base.listed.keys():
        rows = base.reader(base.listed[segment]).index(["key_hash"])["key_hash"].take(pa.array(left[segment]))
        left[segment] = left[segment][~pc.is_in(rows, value_set=keys).to_numpy()]
    return left


def _moved(head: Store, since: CommittedSince, moved: Mapping[str, Positions]) -> Iterator[tuple[str, Positions]]:
    """Where the documents at these positions of the base's segments lie since those were compacted.

    A row is known again by id and text: one that was deleted or superseded meanwhile is not found, and need not be.
    """
    theirs, base = since.keys(head), since.base
    for segment, positions in moved.items():
        if segment not in base.listed:
            raise CommitConflict(
                f"{head.uri}: segment {segment}, which loses documents here, is no longer listed; run the command again"
            )
        index = base.reader(base.listed[segment]).index(["key_hash", "text_digest"]).take(pa.array(positions))
        found = theirs.find(index["key_hash"])
        yield from head.locate(theirs, found[theirs.same_text(found, index["text_digest"])]).items()


def _meanwhile(head: Store, since: CommittedSince, added: Sequence[SegmentEntry]) -> Iterator[tuple[str, Positions]]:
    """What is taken away from whom, between our segments and those that others committed since the base."""
    theirs = since.keys(head)
    with ThreadPoolExecutor(REQUESTS_AT_ONCE) as pool:
        indexes = pool.map(lambda entry: head.live_index(entry, ["key_hash", "text_digest"]), added)
        for entry, index in zip(added, indexes, strict=True):
            found = theirs.find(index["key_hash"])
            same = theirs.same_text(found, index["text_digest"])
            if same.any():
                yield entry.segment, live_positions(entry.documents, head.deletions(entry))[same]
            yield from head.locate(theirs, found[(found >= 0) & ~same]).items()


def _refreshed(
    head: Store, since: CommittedSince, refreshed: Sequence[SegmentEntry]
) -> Iterator[tuple[str, Positions]]:
    """The rows whose place refreshed documents take, and those documents that find none."""
    base, theirs = since.base, since.keys(head)
    for entry in refreshed:
        index = head.reader(entry).index(["key_hash", "text_digest"])
        found = theirs.find(index["key_hash"])
        placed = theirs.same_text(found, index["text_digest"])
        yield from head.locate(theirs, found[placed]).items()
        old = base.keys.find(index["key_hash"])
        rows = np.flatnonzero(base.keys.same_text(old, index["text_digest"]))
        for segment, positions in base.locate(base.keys, old[rows]).items():
            if segment in head.listed:
                yield segment, positions
        placed[rows] |= _live(head, base, old[rows])
        if not placed.all():
            yield entry.segment, np.flatnonzero(~placed)


def _live(head: Store, base: Store, found: Positions) -> npt.NDArray[np.bool_]:
    """(n,) bool: whether the rows at these positions of the base's keys live in the head, in the same segments."""
    live = np.zeros(len(found), bool)
    segments, documents = base.keys.segment[found], base.keys.document[found]
    for ordinal in np.unique(segments).tolist():
        entry = head.listed.get(base.entries[ordinal].segment)
        if entry is not None:
            here = segments == ordinal
            live[here] = ~np.isin(documents[here], head.deletions(entry))
    return live


def _deleted(
    head: Store, since: CommittedSince, deleted: KeyArray, lived: Mapping[str, Positions]
) -> Iterator[tuple[str, Positions]]:
    """Where the documents of these key hashes lie in the head; ``lived`` is where they do in the base."""
    for segment, positions in chain(lived.items(), since.positions(head, deleted).items()):
        if segment in head.listed:
            yield segment, positions


def _blocked(head: Store, added: Sequence[SegmentEntry], block_list: BlockList) -> Iterator[tuple[str, Positions]]:
    """Documents of ours that were blocked since we read the corpus."""
    with ThreadPoolExecutor(REQUESTS_AT_ONCE) as pool:
        indexes = pool.map(lambda entry: head.reader(entry).index(["doc_id"]), added)
        for entry, index in zip(added, indexes, strict=True):
            mask = block_list.mask(index["doc_id"])
            if mask.any():
                yield entry.segment, np.flatnonzero(mask)


def less(head: Store, entry: SegmentEntry, gone: Sequence[Positions]) -> SegmentEntry:
    """The entry without the documents at these positions as well; writes the deletion vector."""
    old = read_deletions(head.objects, entry.deletions, documents=entry.documents)
    new = np.unique(np.concatenate([old, *gone]))
    if len(new) == len(old):
        return entry
    if new[0] < 0 or new[-1] >= entry.documents:
        raise ValueError(f"segment {entry.segment} has {entry.documents} documents; told to drop {new[0]} to {new[-1]}")
    return entry.without(write_deletions(head.objects, new), len(new))
