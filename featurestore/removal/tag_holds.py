"""Which tagged snapshots still hold documents, or texts of documents, that the newest snapshot does not."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from encore.featurestore.catalogue import Catalogue
from encore.featurestore.history import version_log
from encore.featurestore.segments import SegmentEntry
from encore.featurestore.storage import REQUESTS_AT_ONCE


def held_by_tags(newest: Catalogue, tagged: Mapping[str, int]) -> dict[str, int]:
    """Tag → how many of its stored rows are not live in the newest snapshot with the same text, if any.

    Rows that the tagged snapshot hides count as well: their bytes lie in the segments that it needs.
    """
    manifests = version_log(newest.objects).those({*tagged.values()}, taken=True)
    # A tag whose snapshot is gone holds nothing.
    held = {it.version: _rows_gone(newest, Catalogue(newest.objects, newest.spec, it)) for it in manifests}
    return {tag: held[number] for tag, number in sorted(tagged.items()) if held.get(number)}


def _rows_gone(newest: Catalogue, snapshot: Catalogue) -> int:
    """Rows of a snapshot's segments that are not live in the newest one."""
    # A segment that both snapshots list, without deleted rows, needs no look.
    whole = {(entry.segment, entry.attempt) for entry in newest.entries if not entry.deleted}
    others = [entry for entry in snapshot.entries if (entry.segment, entry.attempt) not in whole]

    def gone(entry: SegmentEntry) -> int:
        index = snapshot.reader(entry).index(["key_hash", "text_digest"])
        same = newest.keys.same_text(newest.keys.find(index["key_hash"]), index["text_digest"])
        return int(np.count_nonzero(~same))

    with ThreadPoolExecutor(REQUESTS_AT_ONCE) as pool:
        return sum(pool.map(gone, others))
