"""Rows of an export, segment by segment. Documents and predictions of a segment are in the same order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from encore.featurestore import Catalogue
from encore.featurestore.documents import of_schema
from encore.featurestore.segments import SegmentEntry
from encore.pipelines.export.head_columns import HeadColumns
from encore.pipelines.flow import AHEAD_SEGMENTS, look_ahead
from encore.pipelines.predictions import PredictionFile, PredictionsFolder, Sources, compose, source_files

AHEAD_VALUES = 1 << 23
"""The most values (numbers and texts) that are read ahead from object storage: some 100 MB."""


@dataclass(frozen=True)
class Exporter:
    """Reads the exported rows of each segment.

    Attributes:
        store: the snapshot that is exported.
        predictions: the folder.
        listed: prediction files of one version of the folder.
        kept: ``doc_id`` and the kept columns.
        heads: the exported heads.
    """

    store: Catalogue
    predictions: PredictionsFolder
    listed: Sequence[PredictionFile]
    kept: pa.Schema
    heads: Sequence[HeadColumns]

    def tables(self) -> Iterator[tuple[pa.Table, Mapping[str, int]]]:
        """For each segment, in the snapshot's order: a table of live documents, and head → number of predictions."""
        files = {file.key: file for file in self.listed}
        live = [entry for entry in self.store.entries if entry.live]
        lacking = ((entry, [it.head for it in self.heads if (it.head, entry.segment) not in files]) for entry in live)
        sources = source_files(self.store, lacking, self.listed)

        def read(entry: SegmentEntry) -> tuple[pa.Table, Mapping[str, int]]:
            return self._table(entry, files, sources.get(entry.segment, {}))

        yield from look_ahead(live, read, lambda table, _: table, lambda table: table, ahead=self._ahead(live))

    def _table(
        self, entry: SegmentEntry, files: Mapping[tuple[str, str], PredictionFile], sources: Sources
    ) -> tuple[pa.Table, Mapping[str, int]]:
        table = of_schema(self.store.live_index(entry, self.kept.names), self.kept)
        ids = table["doc_id"].combine_chunks()
        counts = {}
        for head in self.heads:
            predicted = self._predicted(head, entry, files.get((head.head, entry.segment)), sources)
            columns = head.columns(ids, predicted)
            counts[head.head] = len(ids) - columns.column(0).null_count
            for field, column in zip(columns.schema, columns.columns, strict=True):
                table = table.append_column(field, column)
        return table, counts

    def _predicted(
        self, head: HeadColumns, entry: SegmentEntry, file: PredictionFile | None, sources: Sources
    ) -> pa.Table | None:
        """Predictions of a head for a segment: from the segment's file, or from the files of its compacted sources."""
        if file is not None:
            return self.predictions.read_file(file, head.classes)
        compacted = sources.get(head.head)
        return compose(self.store, self.predictions, entry, compacted, head.classes) if compacted else None

    def _ahead(self, live: Sequence[SegmentEntry]) -> int:
        """How many segments are read ahead; none from a disk, which has no latency to hide."""
        if self.store.objects.on_disk and self.predictions.objects.on_disk:
            return 0
        width = len(self.kept) + sum(2 + len(head.classes or ()) for head in self.heads)
        largest = max((entry.documents for entry in live), default=1)
        return max(1, min(AHEAD_SEGMENTS, AHEAD_VALUES // (largest * width)))
