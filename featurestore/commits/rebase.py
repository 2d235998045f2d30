"""Rebase: apply a change to the head, although other writers may have committed since the change was worked out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from encore.featurestore.catalogue import Catalogue
from encore.featurestore.commits.change import Change
from encore.featurestore.commits.upstream import Upstream
from encore.featurestore.common import Int64s
from encore.featurestore.documents import KeyArray
from encore.featurestore.errors import CommitConflict
from encore.featurestore.history import BlockList
from encore.featurestore.segments import (
    SegmentEntry,
    drop_documents,
    live_positions,
)
from encore.featurestore.storage import REQUESTS_AT_ONCE

NO_POSITIONS: Int64s = np.empty(0, np.int64)


def rebase(
    head: Catalogue, since: Upstream, change: Change, lived: Mapping[str, Int64s], block_list: BlockList
) -> list[SegmentEntry]:
    """The entries that a commit of ``change`` writes: new ones, and old ones with another deletion vector.

    A deletion vector only grows: a row that was taken away from a segment never comes back in it. Positions that were
    worked out on the base therefore stay right in every later snapshot.
    """
    base = since.base
    _require_unchanged(head, change)
    added = [entry for entry in change.added if entry.documents and _is_news(entry.segment, head, base)]
    # Each try writes new vectors: a vacuum may be removing those that were written before its fence.
    added = [drop_documents(head.objects, entry, [change.hidden.get(entry.segment, NO_POSITIONS)]) for entry in added]
    refreshed = [entry for entry in change.refreshed if entry.segment not in head.listed]
    dropped = _dropped(head, base, change)
    gone = {segment: [positions] for segment, positions in dropped.items() if segment in head.listed}
    moved = {segment: positions for segment, positions in dropped.items() if segment not in head.listed}
    # Compacted documents lived in segments that are still listed unchanged: no other writer can have committed them.
    contested = bool(added) and head is not base and not change.replaced
    for segment, positions in chain(
        _added_by_both(head, since, added) if contested else (),
        _moved(head, since, moved) if moved else (),
        _deleted(head, since, change.deleted, lived) if change.deleted is not None else (),
        # Compacted documents are live already: the deletion that blocked them takes them away.
        _blocked(head, [*added, *refreshed], block_list) if len(block_list) and not change.replaced else (),
        _refreshed(head, since, refreshed) if refreshed else (),
    ):
        gone.setdefault(segment, []).append(positions)
    changed = {entry.segment: entry for entry in (*added, *refreshed)}
    entries = head.listed | changed
    with ThreadPoolExecutor(REQUESTS_AT_ONCE) as pool:
        for entry in pool.map(lambda segment: drop_documents(head.objects, entries[segment], gone[segment]), gone):
            if entry != entries[entry.segment]:
                changed[entry.segment] = entry
    return [entry for entry in changed.values() if entry.segment in head.listed or entry.live]


def _is_news(segment: str, head: Catalogue, base: Catalogue) -> bool:
    """Whether a segment is not listed yet.

    Raises:
        ValueError: the base lists it and has deleted some of its documents, which adding it again would not bring back.
    """
    if segment in base.listed and base.listed[segment].deleted:
        raise ValueError(f"segment {segment} was listed before and lost documents; name it by Catalogue.segment_for")
    return segment not in head.listed


def _require_unchanged(head: Catalogue, change: Change) -> None:
    """Refuse to replace segments that are gone, or that lost documents since they were read.

    A replacement whose name is listed would be dropped from the change, and what it holds would be lost.
    """
    taken = [entry.segment for entry in change.added if change.replaced and entry.segment in head.listed]
    for segment in (*change.replaced, *taken):
        if segment in taken or head.listed.get(segment) != change.replaced[segment]:
            raise CommitConflict(f"{head.uri}: segment {segment} changed while it was compacted; run the command again")


def _dropped(head: Catalogue, base: Catalogue, change: Change) -> Mapping[str, Int64s]:
    """What the change takes away, without documents whose new segment another writer has listed meanwhile.

    That writer has superseded these rows already. A row can only be live again if its text changed back later, and a
    compaction had taken its segment off the list before.
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


def _moved(head: Catalogue, since: Upstream, moved: Mapping[str, Int64s]) -> Iterator[tuple[str, Int64s]]:
    """Where documents at these positions of the base's segments lie now that those segments were compacted.

    A row is recognised by id and text. A row that was deleted or superseded meanwhile is not found, and need not be.
    """
    theirs, base = since.keys(head), since.base
    for segment, positions in moved.items():
        if segment not in base.listed:
            raise CommitConflict(
                f"{head.uri}: segment {segment} is no longer listed, but this commit removes documents from it; "
                "run the command again"
            )
        index = base.reader(base.listed[segment]).index(["key_hash", "text_digest"]).take(pa.array(positions))
        found = theirs.find(index["key_hash"])
        yield from head.locate(theirs, found[theirs.same_text(found, index["text_digest"])]).items()


def _added_by_both(head: Catalogue, since: Upstream, added: Sequence[SegmentEntry]) -> Iterator[tuple[str, Int64s]]:
    """Rows to take away where an added segment and one that was committed since the base hold the same document."""
    theirs = since.keys(head)
    with ThreadPoolExecutor(REQUESTS_AT_ONCE) as pool:
        indexes = pool.map(lambda entry: head.live_index(entry, ["key_hash", "text_digest"]), added)
        for entry, index in zip(added, indexes, strict=True):
            found = theirs.find(index["key_hash"])
            same = theirs.same_text(found, index["text_digest"])
            if same.any():
                yield entry.segment, live_positions(entry.documents, head.deletions(entry))[same]
            yield from head.locate(theirs, found[(found >= 0) & ~same]).items()


def _refreshed(head: Catalogue, since: Upstream, refreshed: Sequence[SegmentEntry]) -> Iterator[tuple[str, Int64s]]:
    """Rows that refreshed documents replace, and refreshed documents that have no row to replace."""
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


def _live(head: Catalogue, base: Catalogue, found: Int64s) -> npt.NDArray[np.bool_]:
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
    head: Catalogue, since: Upstream, deleted: KeyArray, lived: Mapping[str, Int64s]
) -> Iterator[tuple[str, Int64s]]:
    """Where the documents of these key hashes lie in the head; ``lived`` is where they lived in the base."""
    for segment, positions in chain(lived.items(), since.positions(head, deleted).items()):
        if segment in head.listed:
            yield segment, positions


def _blocked(head: Catalogue, added: Sequence[SegmentEntry], block_list: BlockList) -> Iterator[tuple[str, Int64s]]:
    """Added documents that were put on the block list since the job read the corpus."""
    with ThreadPoolExecutor(REQUESTS_AT_ONCE) as pool:
        indexes = pool.map(lambda entry: head.reader(entry).index(["doc_id"]), added)
        for entry, index in zip(added, indexes, strict=True):
            mask = block_list.mask(index["doc_id"])
            if mask.any():
                yield entry.segment, np.flatnonzero(mask)
