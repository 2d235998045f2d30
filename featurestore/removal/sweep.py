"""Removing what no kept snapshot needs, so that no commit, tag or removal at the same time loses anything.

What can be found by its name and taken up again (manifests, by tags; completion records, by jobs that want the same
documents) is retired first: a tombstone takes its place and holds it. Then comes the fence, a snapshot that changes
nothing: a commit that had seen a name before runs into it, looks again, and finds the tombstone. One that was faster is
seen, and what it names is put back. Only then are the tombstones emptied, and the objects go that they led to. Segment
lists and deletion vectors have a name of their own for every write: nobody takes up one that he has not written, and
the fence is enough.

Stopped anywhere, a removal leaves what is needed where it is, or held by a tombstone through which it is read.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from encore.featurestore.commits import ATTEMPTS
from encore.featurestore.errors import CommitConflict
from encore.featurestore.format import EMPTIED, object_state, retire
from encore.featurestore.history import version_log
from encore.featurestore.history.tags import tags
from encore.featurestore.removal.live_set import LiveSet
from encore.featurestore.removal.plan import Orphans
from encore.featurestore.segments import entry_table, record_path, snapshot_counts
from encore.featurestore.storage import REQUESTS_AT_ONCE, Listed, Objects


def remove(objects: Objects, orphans: Orphans, live: LiveSet, operation: str) -> Orphans:
    """Remove what is doomed, and say what went.

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
    # First, after a power cut too: a tombstone that holds something says that all is there which that leads to.
    emptied = [it.path for it in (*orphans.manifests.values(), *orphans.records)]
    gone = [it.path for it in (*orphans.attempts, *orphans.lists.values(), *orphans.vectors.values())]
    with ThreadPoolExecutor(REQUESTS_AT_ONCE) as pool:
        list(pool.map(lambda path: objects.replace(path, EMPTIED), emptied))
        objects.barrier()
        list(pool.map(lambda path: objects.delete([path]), gone))
    return orphans


def _without_tagged(objects: Objects, orphans: Orphans, live: LiveSet) -> Orphans:
    """The rest, where tags name some of the manifests: these are put back, and what they need stays.

    Whoever tags a snapshot looks for it again afterwards, so that one of the two sees the other.
    """
    tagged = set(tags(objects).values())
    _put_back(objects, [it.path for number, it in orphans.manifests.items() if number in tagged])
    live.add(objects, tagged)
    return replace(orphans, manifests={n: it for n, it in orphans.manifests.items() if n not in tagged})


def _retire(objects: Objects, listed: Iterable[Listed]) -> None:
    with ThreadPoolExecutor(REQUESTS_AT_ONCE) as pool:
        list(pool.map(lambda it: retire(objects, it.path), listed))


def _put_back(objects: Objects, paths: Iterable[str]) -> None:
    """What tombstones hold takes their places again."""
    for path in paths:
        found = object_state(objects, path)
        if found is not None and found.retired and found.content is not None:
            objects.replace(path, found.content)


def _claimed(objects: Objects, orphans: Orphans, live: LiveSet) -> set[str]:
    """Unfinished segments that somebody has finished since they were listed; the names of the others are taken."""
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
