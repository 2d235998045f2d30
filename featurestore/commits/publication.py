"""One change to a store, published as its next snapshot and rebased onto whatever was committed meanwhile."""

from __future__ import annotations

import random
import time

from encore.featurestore.catalogue import Catalogue
from encore.featurestore.commits.change import Change
from encore.featurestore.commits.presence import require_present
from encore.featurestore.commits.rebase import rebase
from encore.featurestore.commits.upstream import Upstream
from encore.featurestore.errors import CommitConflict
from encore.featurestore.history import NOTHING, Manifest, blocked, version_log
from encore.featurestore.segments import (
    entry_table,
    record_path,
    snapshot_counts,
)
from encore.featurestore.storage import CachedObjects, Objects

ATTEMPTS = 200
"""Times a commit is tried again after another writer was first."""
LONGEST_WAIT = 2.0
"""Seconds: the longest pause between two tries. A pause is never longer than the try before it took."""


def commit(store: Catalogue, change: Change) -> Catalogue:
    """Publish a change and return the store at the snapshot that holds it.

    If another writer has listed a segment of the change meanwhile, the segment is dropped from the change. If another
    writer has committed a document meanwhile with the same text, the document is dropped from the change; if with
    another text, this later commit supersedes it. A document that is on the block list is dropped from the change.
    Documents to take away from a segment that was compacted meanwhile are looked up in the segments that hold them now.
    An empty change publishes nothing.

    Raises:
        CommitConflict: other writers were first `ATTEMPTS` times in a row; a segment that the change takes documents
            from was never listed; one that it replaces is no longer listed as it was; or one that it adds is gone.
    """
    return commit_on_head(store, change)[1]


def commit_on_head(store: Catalogue, change: Change) -> tuple[Catalogue, Catalogue]:
    """As `commit`; returns the snapshots before and after the change, one snapshot twice if nothing was published."""
    log = version_log(store.objects)
    base = store if store.version == change.base else _at(store, log.at(change.base))
    # What was read of the base's segments stays true. A later try reads only segments that were listed since.
    lived = {} if change.deleted is None else base.indexes.positions_of(change.deleted, base.entries)
    since = Upstream(base)
    block_list = NOTHING
    for attempt in range(ATTEMPTS):
        began = time.monotonic()
        head = _at(base, log.latest())
        # Read the block list after the head. A list that is written later comes with a later snapshot, against which
        # this commit fails and is tried again.
        block_list = blocked(store.objects, block_list)
        incoming = [*change.added, *change.refreshed]
        require_present(store.objects, [e for e in incoming if e.documents and e.segment not in head.listed])
        changed = rebase(head, since, change, lived, block_list)
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
            return _of(store.objects, head), Catalogue(store.objects, store.spec, manifest)
        if attempt == 0:
            remembered = CachedObjects(store.objects)
            log, base = version_log(remembered), _of(remembered, base)
            since = Upstream(base)
        # The pause is random: writers that met once would meet again if all waited equally long. A writer that has lost
        # often waits no longer than others: otherwise it would lose again to writers that do not wait yet.
        time.sleep(random.uniform(0, min(LONGEST_WAIT, time.monotonic() - began)))  # noqa: S311
    raise CommitConflict(f"{store.uri}: other writers were first {ATTEMPTS} times in a row; run the command again")


def _at(store: Catalogue, manifest: Manifest) -> Catalogue:
    """The store at a snapshot; the same object if it is there already, since it may have read the segment list."""
    return store if store.manifest == manifest else Catalogue(store.objects, store.spec, manifest)


def _of(objects: Objects, store: Catalogue) -> Catalogue:
    """The same snapshot, read through other objects."""
    return store if store.objects is objects else Catalogue(objects, store.spec, store.manifest)
