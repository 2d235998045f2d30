"""Removing what no kept snapshot needs, so that no commit, tag or removal at the same time loses anything.

First, objects that others can find by name and use again are retired: a tombstone takes the place of the object and
holds its bytes. Tags lead to manifests, and jobs that want the same documents find completion records.

Next comes the fence, a snapshot that changes nothing. A commit that had seen a name before fails against the fence,
looks again, and finds the tombstone. A commit that was faster than the fence is seen by the removal, which puts back
what it names.

Last, the tombstones are emptied, and the objects to which they led are removed.

Segment lists and deletion vectors have a new name for every write. No job uses one that it has not written, so the
fence is enough for them.

A removal that is stopped at any point leaves every needed object in its place, or in a tombstone from which it is read.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from encore.featurestore.commits import ATTEMPTS
from encore.featurestore.errors import CommitConflict
from encore.featurestore.format import EMPTIED, object_state, retire
from encore.featurestore.history import read_tags, version_log
from encore.featurestore.removal.live_set import LiveSet
from encore.featurestore.removal.plan import Orphans
from encore.featurestore.segments import entry_table, record_path, snapshot_counts
from encore.featurestore.storage import REQUESTS_AT_ONCE, ListedObject, Objects


def remove(objects: Objects, orphans: Orphans, live: LiveSet, operation: str) -> Orphans:
    """Remove orphans, and return those that were removed.

    Args:
        objects: of the store.
        orphans: what may go, as it was listed.
        live: what the kept snapshots need; what is published or tagged meanwhile is added.
        operation: name of the fence in the history.

    Raises:
        StoreError: a snapshot that was published or tagged meanwhile cannot be read; nothing that is needed is lost.
        CommitConflict: other writers were first too many times in a row; nothing that is needed is lost.
    """
    _retire(objects, orphans.manifests.values())
    orphans = _without_tagged(objects, orphans, live)
    if orphans.segments or orphans.lists or orphans.vectors:
        claimed = _claimed(objects, orphans, live)
        _retire(objects, orphans.records)
        _publish_nothing(objects, operation)
        live.add_published_since(objects)
        orphans = _without_tagged(objects, orphans, live)
        _put_back(objects, [record_path(segment) for segment in orphans.segments if segment in live.attempts])
        orphans = orphans.without(live, claimed)
    # Empty the tombstones first, on the disk too: one that still holds bytes promises that the objects behind them are
    # there.
    emptied = [it.path for it in (*orphans.manifests.values(), *orphans.records)]
    gone = [it.path for it in (*orphans.attempts, *orphans.lists.values(), *orphans.vectors.values())]
    with ThreadPoolExecutor(REQUESTS_AT_ONCE) as pool:
        list(pool.map(lambda path: objects.replace(path, EMPTIED), emptied))
        objects.barrier()
        list(pool.map(lambda path: objects.delete([path]), gone))
    return orphans


def _without_tagged(objects: Objects, orphans: Orphans, live: LiveSet) -> Orphans:
    """The orphans without tagged manifests: these are put back, and what they need stays.

    The writer of a tag looks for the snapshot again afterwards, so that one of the two sees the other.
    """
    tagged = set(read_tags(objects).values())
    _put_back(objects, [it.path for number, it in orphans.manifests.items() if number in tagged])
    live.add(objects, tagged)
    return replace(orphans, manifests={n: it for n, it in orphans.manifests.items() if n not in tagged})


def _retire(objects: Objects, listed: Iterable[ListedObject]) -> None:
    with ThreadPoolExecutor(REQUESTS_AT_ONCE) as pool:
        list(pool.map(lambda it: retire(objects, it.path), listed))


def _put_back(objects: Objects, paths: Iterable[str]) -> None:
    """Replace tombstones by the bytes that they hold."""
    for path in paths:
        found = object_state(objects, path)
        if found is not None and found.retired and found.content is not None:
            objects.replace(path, found.content)


def _claimed(objects: Objects, orphans: Orphans, live: LiveSet) -> set[str]:
    """Segments that a job has finished since the listing; an emptied tombstone takes the names of unfinished ones."""
    unfinished = [
        segment
        for segment, it in orphans.segments.items()
        if it.record is None and not it.retired and segment not in live.attempts
    ]

    def is_claimed(segment: str) -> bool:
        path = record_path(segment)
        if objects.create(path, EMPTIED):
            return False
        found = object_state(objects, path)
        return found is not None and not found.retired

    with ThreadPoolExecutor(REQUESTS_AT_ONCE) as pool:
        return {segment for segment, taken in zip(unfinished, pool.map(is_claimed, unfinished), strict=True) if taken}


def _publish_nothing(objects: Objects, operation: str) -> None:
    """A snapshot that changes nothing."""
    log = version_log(objects)
    for _ in range(ATTEMPTS):
        head = log.latest()
        if log.publish(head, operation, head.counts or snapshot_counts(()), entry_table([])) is not None:
            return
    raise CommitConflict(f"{objects.uri}: other writers were first {ATTEMPTS} times in a row; run the command again")
