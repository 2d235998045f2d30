"""Verification of a store: everything that the kept snapshots need is there, is what was written, and is consistent."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from encore.featurestore.common import ProgressCallback, silent
from encore.featurestore.errors import StoreError
from encore.featurestore.history import snapshot_number, version_log
from encore.featurestore.segments import INDEX_FILE, SegmentEntry, SegmentReader, attempt_path, record_path
from encore.featurestore.spec import FeatureSpec
from encore.featurestore.storage import REQUESTS_AT_ONCE, TRIES_BESIDE_VACUUM, Objects
from encore.featurestore.verification.block_list import check_block_list
from encore.featurestore.verification.duplicates import Duplicate, LifeFiles
from encore.featurestore.verification.findings import UNREAD, Audit, Finding
from encore.featurestore.verification.lists import SegmentSpans, Span, read_spans
from encore.featurestore.verification.segment import check_segment
from encore.featurestore.verification.snapshots import check_manifests, check_store_file


@dataclass(frozen=True)
class Verification:
    """What a verification looked at, and what it found.

    Attributes:
        store: its URI.
        deep: whether every object was read in full.
        snapshots: numbers of the snapshots that were checked.
        segments: segments that they list.
        objects: objects looked at.
        bytes: bytes of these.
        read_bytes: bytes that were read and compared.
        unreferenced: objects that no kept snapshot needs, runs left out; None where that is unknown: of one snapshot
            alone, or of a damaged store.
        findings: what is wrong, sorted by object.
    """

    store: str
    deep: bool
    snapshots: tuple[int, ...]
    segments: int
    objects: int
    bytes: int
    read_bytes: int
    unreferenced: int | None
    findings: tuple[Finding, ...]


def verify(
    objects: Objects, snapshot: int | str | None = None, *, deep: bool = False, progress: ProgressCallback = silent
) -> Verification:
    """Check a store: every snapshot that is there, or one alone.

    It takes the store's objects, and no `Catalogue`: a damaged store may not open.

    If there are problems and a removal has taken snapshots meanwhile, the store is looked at again: the problems may be
    gone too.

    Args:
        objects: of the store.
        snapshot: number or tag of the one to check; all of them unless given.
        deep: read every object in full, compare it with its checksum, and decode every chunk.
        progress: called after each segment that is checked.

    Raises:
        UsageError: there is no store, or no such snapshot.
        StoreError: the store is of a newer format.
    """
    found = _look(objects, snapshot, deep, progress)
    for _ in range(TRIES_BESIDE_VACUUM - 1):
        if not found.findings or not _is_removed_from(objects, found.snapshots):
            break
        before, found = found, _look(objects, snapshot, deep, progress)
        if found.findings == before.findings:
            break
    return found


def _look(objects: Objects, snapshot: int | str | None, deep: bool, progress: ProgressCallback) -> Verification:
    """One look at everything."""
    audit = Audit(objects, deep)
    for link in objects.links():
        audit.report_link(link)
    spec = check_store_file(audit)
    only = None if snapshot is None else snapshot_number(objects, snapshot)
    manifests = check_manifests(audit, only)
    listing = read_spans(audit, manifests)
    _check_segments(audit, spec, listing, progress)
    # Only a repair takes ids off the list, and its snapshot counts them anew.
    check_block_list(audit, manifests[-1].counts.get("blocked", 0) if manifests else 0)
    return Verification(
        store=objects.uri,
        deep=deep,
        snapshots=tuple(manifest.version for manifest in manifests),
        segments=len(listing.spans),
        objects=audit.checked,
        bytes=audit.checked_bytes,
        read_bytes=audit.read_bytes,
        unreferenced=audit.unreferenced() if only is None and not audit.findings else None,
        findings=audit.findings,
    )


def _is_removed_from(objects: Objects, snapshots: Sequence[int]) -> bool:
    """Whether a removal has taken some of these snapshots."""
    return len(version_log(objects).those(snapshots)) < len(snapshots)


def _check_segments(audit: Audit, spec: FeatureSpec | None, listing: SegmentSpans, progress: ProgressCallback) -> None:
    """Every segment once, many at a time; then the ids of all of them against each other."""
    segments = list(listing.spans)
    documents = sum(max(span.entry.documents for span in spans) for spans in listing.spans.values())
    with tempfile.TemporaryDirectory(prefix="encore-verify-") as folder:
        lives = LifeFiles(folder, documents)

        def check(ordinal: int) -> None:
            try:
                for part in check_segment(audit, spec, ordinal, listing.spans[segments[ordinal]]):
                    lives.add(part)
            except StoreError as error:
                # Storage refused this segment; others may be readable.
                audit.refused(record_path(segments[ordinal]), error, UNREAD)

        with ThreadPoolExecutor(REQUESTS_AT_ONCE) as pool:
            for done, _ in enumerate(pool.map(check, range(len(segments))), 1):
                progress(done, len(segments))
        for duplicate in _first_of_each_pair(lives):
            _report_duplicate(audit, listing, segments, duplicate)


def _first_of_each_pair(lives: LifeFiles) -> Sequence[Duplicate]:
    """One duplicate for each pair of segments: the others of that pair have the same cause."""
    firsts: dict[tuple[int, int], Duplicate] = {}
    for duplicate in lives.duplicates():
        firsts.setdefault((duplicate.first[0], duplicate.second[0]), duplicate)
    return list(firsts.values())


def _report_duplicate(audit: Audit, listing: SegmentSpans, segments: Sequence[str], duplicate: Duplicate) -> None:
    one, other = ((_entry(listing.spans[segments[ordinal]]), at) for ordinal, at in (duplicate.first, duplicate.second))
    version = listing.versions[duplicate.snapshot]
    audit.report(
        f"{attempt_path(other[0].segment, other[0].attempt)}/{INDEX_FILE}",
        f"document {_doc_id(audit, *other)} is live in segment {one[0].segment} too, in snapshot {version}",
        "delete the document (encore delete) and encode it again, and report it",
    )


def _entry(spans: Sequence[Span]) -> SegmentEntry:
    return spans[-1].entry


def _doc_id(audit: Audit, entry: SegmentEntry, position: int) -> str:
    return str(SegmentReader(audit.objects, entry).index(["doc_id"])["doc_id"][position].as_py())
