"""One segment: its objects, its document index, and the deletion vectors that snapshots list it with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from encore.featurestore.common import counted
from encore.featurestore.documents import INDEX_SCHEMA, KeyArray, key_hashes, words
from encore.featurestore.errors import StoreError
from encore.featurestore.segments import INDEX_FILE, SegmentEntry, read_deletions, record_path, vector_path
from encore.featurestore.spec import FeatureSpec
from encore.featurestore.verification.arrays import check_arrays
from encore.featurestore.verification.duplicates import Lives, lives_of_segment
from encore.featurestore.verification.findings import Audit
from encore.featurestore.verification.lists import Span
from encore.featurestore.verification.segment_objects import SegmentObjects, check_objects


def check_segment(audit: Audit, spec: FeatureSpec | None, ordinal: int, spans: Sequence[Span]) -> list[Lives]:
    """Check a segment that some snapshots list, and give the lives of its documents; none where they are unknown.

    Args:
        audit: takes the findings.
        spec: of the store; None where it cannot be read, and then nothing is compared with it.
        ordinal: number of the segment among those that are checked.
        spans: how it is listed. The listings differ in deletions alone, unless something is wrong.
    """
    keys: KeyArray | None = None
    for entry in dict.fromkeys(replace(span.entry, deletions=None, deleted=0) for span in spans):
        segment = check_objects(audit, spec, entry)
        if segment is not None:
            check_arrays(segment, spec)
            keys = _check_index(segment)
    deleted = [_check_deletions(audit, span.entry) for span in spans]
    if keys is None or any(len(keys) != span.entry.documents for span in spans):
        return []
    lived = [(span.first, span.stop, gone) for span, gone in zip(spans, deleted, strict=True) if gone is not None]
    return list(lives_of_segment(ordinal, keys, lived)) if len(lived) == len(spans) else []


def _check_index(segment: SegmentObjects) -> KeyArray | None:
    """Key hashes of the documents, where the index is sound."""
    if INDEX_FILE in segment.bad:
        return None
    try:
        index = segment.reader.index([field.name for field in INDEX_SCHEMA])
    except StoreError as error:
        segment.audit.refused(segment.path(INDEX_FILE), error)
        return None
    problem = _index_problem(index)
    if problem is not None:
        segment.wrong(INDEX_FILE, problem)
        return None
    return words(index["key_hash"])


def _index_problem(index: pa.Table) -> str | None:
    differing = pc.not_equal(pa.chunked_array([key_hashes(index["doc_id"])]), index["key_hash"])
    if pc.any(differing, min_count=0).as_py():
        return f"has a key hash that does not match its id, at document {pc.index(differing, True).as_py()}"
    return None


def _check_deletions(audit: Audit, entry: SegmentEntry) -> npt.NDArray[np.int64] | None:
    """Positions that a deletion vector takes away; None, and a finding, if they are unknown."""
    if entry.deletions is None:
        if entry.deleted:
            listed = f"is listed with {entry.deleted} documents deleted and no deletion vector"
            audit.report(record_path(entry.segment), listed)
            return None
        return np.empty(0, np.int64)
    path = vector_path(entry.deletions)
    size = audit.objects.size(path)
    audit.compared(path, size or 0)
    try:
        positions = read_deletions(audit.objects, entry.deletions)
    except StoreError as error:
        audit.refused(path, error)
        return None
    if len(positions) != entry.deleted:
        deletes = f"deletes {counted(len(positions), 'document')} of segment {entry.segment}"
        audit.report(path, f"{deletes}, its list says {entry.deleted}")
        return None
    if (np.diff(positions) <= 0).any() or (len(positions) and (positions[0] < 0 or positions[-1] >= entry.documents)):
        audit.report(path, f"holds positions that segment {entry.segment} of {entry.documents} documents does not have")
        return None
    return positions
