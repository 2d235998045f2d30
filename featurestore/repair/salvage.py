"""Salvage: list whole segments again that no list names any more, for corpus documents that the store lacks.

Where a list is lost, its segments are not: they lie in storage with their records and checksums. The store does not
know any more which of their rows were live; a corpus does. Encoding these documents again would give the same features.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice

import numpy as np
import pyarrow as pa

from encore.featurestore.catalogue import Catalogue
from encore.featurestore.commits import Change, commit
from encore.featurestore.common import Int64s
from encore.featurestore.documents import KeyIndex
from encore.featurestore.errors import StoreError
from encore.featurestore.repair.damage import Damage
from encore.featurestore.repair.quarantine import Quarantine
from encore.featurestore.repair.store_file import records
from encore.featurestore.segments import SegmentEntry, SegmentRecord, live_positions, record_path
from encore.featurestore.storage import REQUESTS_AT_ONCE
from encore.featurestore.verification import Audit, Span, check_segment

BATCH = 64
"""Segments that are looked at together: this many indexes are in memory."""


@dataclass(frozen=True)
class Salvage:
    """What can be listed again.

    Attributes:
        live: segment → its entry without deletions, and the positions in it that are to live.
        superseded: segment of the snapshot → positions whose documents have another text in the corpus.
        damaged: paths of unlisted segments that hold wanted documents and are damaged.
    """

    live: tuple[tuple[SegmentEntry, Int64s], ...] = ()
    superseded: Mapping[str, Int64s] = field(default_factory=dict)
    damaged: tuple[str, ...] = ()

    @property
    def documents(self) -> int:
        """How many documents come back."""
        return sum(len(positions) for _, positions in self.live)


def find_salvage(store: Catalogue, wanted: pa.Table) -> Salvage:
    """Look for documents in segments that the snapshot does not list, the newest segments first.

    Args:
        store: the snapshot.
        wanted: ``key_hash`` and ``text_digest`` of the corpus's documents; no key comes twice.

    Raises:
        StoreError: storage does not let a segment be read, so that it is unknown whether it is damaged.
    """
    spec = store.spec.fingerprint
    places = store.keys.find(wanted["key_hash"])
    lacking = ~store.keys.same_text(places, wanted["text_digest"])
    wanted, places = wanted.filter(pa.array(lacking)), places[lacking]
    keys = KeyIndex.build([KeyIndex.of_segment(wanted, 0)])
    pending = np.ones(wanted.num_rows, bool)

    def look(record: SegmentRecord) -> tuple[SegmentEntry, Int64s, Sequence[str]] | None:
        """Where a segment holds documents that are pending, and what is damaged in it; None where it holds none."""
        entry = SegmentEntry.of(record)
        try:
            index = store.reader(entry).index(["key_hash", "text_digest"])
        except StoreError:
            return entry, np.empty(0, np.int64), _damaged(store, entry)
        found = keys.find(index["key_hash"])
        rows = np.where(keys.same_text(found, index["text_digest"]), keys.document[found].astype(np.int64), -1)
        return (entry, rows, _damaged(store, entry)) if pending[rows[rows >= 0]].any() else None

    live: list[tuple[SegmentEntry, Int64s]] = []
    damaged: list[str] = []
    candidates = (it for it in records(store.objects, store.listed) if it.documents and it.spec == spec)
    with ThreadPoolExecutor(REQUESTS_AT_ONCE) as pool:
        while pending.any() and (some := list(islice(candidates, BATCH))):
            for entry, rows, bad in (found for found in pool.map(look, some) if found is not None):
                here = np.flatnonzero((rows >= 0) & pending[rows])
                damaged += bad
                if len(here) and not bad:
                    pending[rows[here]] = False
                    live.append((entry, here))
    replaced = places[~pending]
    return Salvage(tuple(live), store.locate(store.keys, replaced[replaced >= 0]), tuple(damaged))


def list_again(store: Catalogue, found: Salvage, aside: Quarantine) -> Catalogue:
    """Commit what was found, and set aside what is damaged, so that no job takes it for finished.

    Raises:
        CommitConflict: a segment has gone meanwhile, or other writers were first too many times; look again.
    """
    store.objects.require_no_links()
    moved = [path for path in found.damaged if path.count("/") > 1]
    aside.retire(path for path in found.damaged if path.count("/") == 1)
    aside.move(moved)
    added = [entry for entry, _ in found.live]
    hidden = {entry.segment: live_positions(entry.documents, live) for entry, live in found.live}
    return commit(store, Change(store.version, "repair", added, found.superseded, hidden=hidden)) if added else store


def _damaged(store: Catalogue, entry: SegmentEntry) -> list[str]:
    """Paths of what a deep verification finds damaged in a segment, with its record's; none where it is whole."""
    audit = Audit(store.objects, deep=True)
    check_segment(audit, store.spec, 0, [Span(entry, 0, 1)])
    found = Damage.of(store.objects, audit.findings).paths
    return sorted(found | {record_path(entry.segment)}) if found else []
