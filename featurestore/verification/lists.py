"""Which segments the checked snapshots list, and over which snapshots the entry of a segment stays the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from encore.featurestore.errors import StoreError
from encore.featurestore.history import Manifest, list_path, manifest_path, version_log
from encore.featurestore.segments import SegmentEntry, entries_of, snapshot_counts
from encore.featurestore.verification.findings import Audit

EntryRows = Sequence[tuple[SegmentEntry, bool]]
"""The rows of a segment list, and whether each says that its segment has left the store."""


@dataclass(frozen=True)
class Span:
    """Neighbouring checked snapshots that have the same entry for a segment.

    Attributes:
        entry: how they list it.
        first: ordinal of the first of them among the checked snapshots.
        stop: ordinal after the last; equal to ``first`` where none of them can be read in full.
    """

    entry: SegmentEntry
    first: int
    stop: int


@dataclass(eq=False)
class SegmentSpans:
    """What the checked snapshots list.

    Attributes:
        versions: numbers of the snapshots whose lists could all be read, ascending.
        spans: segment → how they list it, in their order.
        lists: digests of the lists that they name.
    """

    versions: list[int] = field(default_factory=list)
    spans: dict[str, list[Span]] = field(default_factory=dict)
    lists: set[str] = field(default_factory=set)


def read_spans(audit: Audit, manifests: Sequence[Manifest]) -> SegmentSpans:
    """What the manifests list, their lists checked, each of them once.

    If a list of a snapshot cannot be read, ids are not compared in that snapshot, but the segments of its other lists
    are checked.
    """
    listing = SegmentSpans()
    loaded: dict[str, EntryRows | None] = {}
    current: dict[str, tuple[SegmentEntry, int]] = {}
    partial: dict[str, SegmentEntry] = {}
    for manifest in manifests:
        named = {part.digest for part in manifest.lists}
        # Snapshots share most of their lists with the one before; lists that this one does not name are dropped.
        loaded = {digest: loaded[digest] if digest in loaded else _read_list(audit, digest) for digest in named}
        listing.lists |= named
        entries = _merged(audit, manifest, loaded)
        if any(rows is None for rows in loaded.values()):
            partial |= entries
            continue
        _check_counts(audit, manifest, entries)
        _extend(listing, current, entries)
        listing.versions.append(manifest.version)
    end = len(listing.versions)
    for segment, (entry, first) in current.items():
        listing.spans.setdefault(segment, []).append(Span(entry, first, end))
    for segment, entry in partial.items():
        spans = listing.spans.setdefault(segment, [])
        if all(span.entry != entry for span in spans):
            spans.append(Span(entry, end, end))
    return listing


def _merged(audit: Audit, manifest: Manifest, loaded: Mapping[str, EntryRows | None]) -> dict[str, SegmentEntry]:
    """Segment → its entry, by those of the snapshot's lists that could be read."""
    entries: dict[str, SegmentEntry] = {}
    for part in manifest.lists:
        rows = loaded[part.digest]
        if rows is None:
            continue
        if len(rows) != part.entries:
            named = manifest_path(manifest.version)
            audit.report(list_path(part.digest), f"holds {len(rows)} entries, {named} says {part.entries}")
        for entry, removed in rows:
            if removed:
                entries.pop(entry.segment, None)
            else:
                entries[entry.segment] = entry
    return entries


def _extend(
    listing: SegmentSpans, current: dict[str, tuple[SegmentEntry, int]], entries: Mapping[str, SegmentEntry]
) -> None:
    """Take in the next snapshot: end the spans that it does not continue, and begin spans for its new entries."""
    here = len(listing.versions)
    for segment in [segment for segment, (entry, _) in current.items() if entries.get(segment) != entry]:
        entry, first = current.pop(segment)
        listing.spans.setdefault(segment, []).append(Span(entry, first, here))
    for segment, entry in entries.items():
        current.setdefault(segment, (entry, here))


def _check_counts(audit: Audit, manifest: Manifest, entries: Mapping[str, SegmentEntry]) -> None:
    counted = snapshot_counts(entries.values())
    wrong = [name for name, count in counted.items() if manifest.counts.get(name) != count]
    if wrong:
        says = ", ".join(f"{manifest.counts.get(name)} {name} where its lists have {counted[name]}" for name in wrong)
        audit.report(manifest_path(manifest.version), f"counts {says}")


def _read_list(audit: Audit, digest: str) -> EntryRows | None:
    path = list_path(digest)
    data = audit.read(path)
    if data is None:
        return None
    try:
        table = version_log(audit.objects).parse_list(data, digest, audit.objects.name(path))
    except StoreError as error:
        audit.refused(path, error)
        return None
    return list(zip(entries_of(table), table["removed"].to_pylist(), strict=True))
