"""The documents of a feature store as the source of a Beam pipeline."""

from __future__ import annotations

from collections.abc import Iterator
from os import PathLike
from typing import Any, Protocol, runtime_checkable

import apache_beam as beam

from encore.featurestore import Catalogue, FeatureBlock, FeatureSpec
from encore.featurestore.common import panics_as_errors
from encore.featurestore.segments import SegmentEntry
from encore.pipelines.backfill import groups_of
from encore.pipelines.flow import blocks_of_segment, look_ahead, segments_ahead


@runtime_checkable
class StoreHandle(Protocol):
    """`encore.Store`, which shows a snapshot of a store."""

    @property
    def catalogue(self) -> Catalogue:
        """The store at that snapshot."""
        ...


@beam.typehints.with_output_types(FeatureBlock)
class ReadFeatures(beam.PTransform):
    """Read every live document of a store: the source of a pipeline. It gives a PCollection of `FeatureBlock`.

    A block holds the documents of a segment, or of a part of one with some 64 MiB of packed features. Only names of
    segments are shuffled. Workers read the features themselves, so they must be able to read the store at its URI.

    Attributes:
        uri: URI of the store.
        version: number of the snapshot that is read, even while others are committed.
        spec: spec of the features.
    """

    def __init__(self, store: StoreHandle | Catalogue | str | PathLike[str], snapshot: int | str | None = None) -> None:
        """Open a store and list its segments.

        Args:
            store: its URI; or a handle that `encore.open_store` gave, whose snapshot is read unless one is named.
            snapshot: number or tag; None takes the newest.

        Raises:
            UsageError: no such store, snapshot or tag.
            StoreError: the store's list of segments is damaged.
        """
        super().__init__()
        given = store.catalogue if isinstance(store, StoreHandle) else store
        opened = given if isinstance(given, Catalogue) else Catalogue.open(given, snapshot)
        if opened is given and snapshot is not None:
            opened = Catalogue.open(opened.uri, snapshot)
        self.uri: str = opened.uri
        self.version: int = opened.version
        self.spec: FeatureSpec = opened.spec
        self._entries = [entry for entry in opened.entries if entry.live]

    def expand(self, begin: beam.pvalue.PBegin) -> beam.PCollection[FeatureBlock]:
        """Groups of segments, which are shuffled among workers, then the blocks of each."""
        groups = groups_of(self._entries, [max(1, entry.payload_bytes) for entry in self._entries], None)
        return (
            begin
            | "Plan" >> beam.Create(groups, reshuffle=False)
            | "Spread" >> beam.Reshuffle()
            | "Read" >> beam.ParDo(ReadSegments(self.uri, self.version))
        )

    def display_data(self) -> dict[str, Any]:
        """Store, snapshot, spec and size."""
        documents = sum(entry.live for entry in self._entries)
        return {"store": self.uri, "snapshot": self.version, "features": str(self.spec), "documents": documents}


@beam.typehints.with_output_types(FeatureBlock)
class ReadSegments(beam.DoFn):
    """Groups of SegmentEntry → blocks of their live documents. From object storage, segments are read ahead."""

    def __init__(self, uri: str, version: int) -> None:
        self._uri, self._version = uri, version

    def setup(self) -> None:
        """Open the store once a worker."""
        self._store = Catalogue.open(self._uri, self._version)

    def process(self, entries: tuple[SegmentEntry, ...]) -> Iterator[FeatureBlock]:
        """Read segments in their order. Raises StoreError if one is damaged."""
        ahead = 0 if self._store.objects.on_disk else segments_ahead(entries)
        with panics_as_errors():
            for blocks in look_ahead(entries, self._open, lambda blocks, _: blocks, lambda blocks: blocks, ahead=ahead):
                yield from blocks

    def _open(self, entry: SegmentEntry) -> Iterator[FeatureBlock]:
        return blocks_of_segment(self._store, entry)
