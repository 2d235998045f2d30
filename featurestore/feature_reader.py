"""Reading the features of one snapshot's segments, and the rows of their indexes."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from encore.featurestore.documents import (
    INDEX_SCHEMA,
    FeatureBlock,
    WantedKeys,
    id_array,
    key_hashes,
    offsets_of,
    rows_of,
    words,
)
from encore.featurestore.errors import DataError
from encore.featurestore.segment_indexes import SegmentIndexes
from encore.featurestore.segments import (
    OpenSegment,
    SegmentEntry,
    SegmentReader,
)
from encore.featurestore.spec import FeatureSpec
from encore.featurestore.storage import REQUESTS_AT_ONCE

OWN_COLUMNS = tuple(INDEX_SCHEMA.names)
"""Columns of an index that are the store's own. Kept corpus columns are read where they are asked for."""
SCAN_BYTES = 64 << 20
"""Packed bytes of one scanned block: what a scan holds in memory."""
OPEN_AHEAD = 4
"""Segments whose indexes a scan reads before they are needed."""


@dataclass(frozen=True)
class FeatureReader:
    """Reads features of segments that a snapshot lists.

    Attributes:
        indexes: the segments' indexes.
        spec: what the features are.
    """

    indexes: SegmentIndexes
    spec: FeatureSpec

    def scan(self, entries: Sequence[SegmentEntry], max_bytes: int = SCAN_BYTES) -> Iterator[FeatureBlock]:
        """Every live document of these segments once, in order, as blocks of some ``max_bytes`` of packed features.

        From object storage, the indexes of the next segments are read while the caller works on a block: many small
        segments then cost hardly more than their bytes. A disk is read without this: other threads would only cause
        waiting.

        Args:
            entries: segments that hold a live document.
            max_bytes: packed bytes of a block.
        """
        if self.indexes.objects.on_disk:
            for entry in entries:
                yield from self.open_segment(entry).blocks(max_bytes)
            return
        with ThreadPoolExecutor(OPEN_AHEAD) as pool:
            ahead: deque[Future[OpenSegment]] = deque()
            for entry in entries:
                ahead.append(pool.submit(self.open_segment, entry))
                if len(ahead) > OPEN_AHEAD:
                    yield from ahead.popleft().result().blocks(max_bytes)
            while ahead:
                yield from ahead.popleft().result().blocks(max_bytes)

    def scan_segment(
        self,
        entry: SegmentEntry,
        max_bytes: int = SCAN_BYTES,
        columns: Sequence[str] | None = OWN_COLUMNS,
    ) -> Iterator[FeatureBlock]:
        """The live documents of one segment, as blocks of some ``max_bytes`` of packed features.

        Args:
            entry: the segment.
            max_bytes: packed bytes of a block.
            columns: of the index; None for all, kept corpus columns among them.
        """
        if entry.live:
            yield from self.open_segment(entry, columns=columns).blocks(max_bytes)

    def gather(self, doc_ids: str | Sequence[str] | pa.Array, entries: Sequence[SegmentEntry]) -> FeatureBlock:
        """These documents of these segments; see `Catalogue.gather`."""
        ids = id_array(doc_ids)
        fields = pa.schema([INDEX_SCHEMA.field(name) for name in ("doc_id", "key_hash")])
        names = pa.table([ids, key_hashes(ids)], schema=fields)
        wanted = WantedKeys.of(words(names["key_hash"]))
        with ThreadPoolExecutor(REQUESTS_AT_ONCE) as pool:
            parts = pool.map(lambda entry: self._gather_wanted(names, wanted, entry), entries)
            found = [part for part in parts if part is not None]
        places = [here for here, _ in found]
        missing = np.setdiff1d(np.arange(len(ids)), np.concatenate([np.empty(0, np.int64), *places]))
        if len(missing):
            first = ", ".join(ids.take(pa.array(missing[:5])).to_pylist())
            uri = self.indexes.objects.uri
            raise DataError(f"{uri}: {len(missing)} of {len(ids)} documents are not stored, for example {first}")
        return FeatureBlock.interleave([block for _, block in found], places) if found else self.empty_block()

    def gather_from(
        self,
        entries: Sequence[SegmentEntry],
        segments: npt.NDArray[np.int64],
        documents: npt.NDArray[np.int64],
        columns: Sequence[str] | None = OWN_COLUMNS,
    ) -> FeatureBlock:
        """Documents by their places, in this order; a place may come twice.

        Args:
            entries: segments.
            segments: (n,) int64: in which of ``entries`` each document lies.
            documents: (n,) int64: where in its segment.
            columns: of the index; None for all, kept corpus columns among them.
        """
        if not len(segments):
            return self.empty_block()
        order = np.lexsort((documents, segments))
        ordinals, starts = np.unique(segments[order], return_index=True)
        places = np.split(order, starts[1:])

        def gather(ordinal: int, here: npt.NDArray[np.int64]) -> FeatureBlock:
            entry = entries[ordinal]
            return self._gather_segment(entry, self.indexes.reader(entry), documents[here], columns)

        with ThreadPoolExecutor(REQUESTS_AT_ONCE) as pool:
            parts = pool.map(gather, ordinals, places)
            return FeatureBlock.interleave(list(parts), places)

    def open_segment(
        self,
        entry: SegmentEntry,
        reader: SegmentReader | None = None,
        columns: Sequence[str] | None = OWN_COLUMNS,
    ) -> OpenSegment:
        """All of a segment but its features, with some or all columns of its index, checked against its entry."""
        return OpenSegment.open(reader or self.indexes.reader(entry), self.indexes.deletions(entry), columns)

    def empty_block(self) -> FeatureBlock:
        """A block of no documents."""
        packed = np.empty((0, *self.spec.packed_shape), self.spec.quantizer.dtype)
        return FeatureBlock(INDEX_SCHEMA.empty_table(), packed, np.zeros(1, np.int64))

    def _gather_wanted(
        self, names: pa.Table, wanted: WantedKeys, entry: SegmentEntry
    ) -> tuple[npt.NDArray[np.int64], FeatureBlock] | None:
        """The wanted documents that live in a segment, and their places among the wanted; None where none does.

        Args:
            names: ids and key hashes of the wanted documents. Equal hashes are equal ids, so that a segment's own ids,
                the larger part of what there is to decode, are left alone.
            wanted: the same key hashes.
            entry: the segment.
        """
        reader = self.indexes.reader(entry)
        documents = self.indexes.find(wanted, entry, reader)
        places = np.flatnonzero(documents >= 0)
        if not len(places):
            return None
        places = places[np.argsort(documents[places])]
        rest = [name for name in OWN_COLUMNS if name not in names.column_names]
        block = self._gather_segment(entry, reader, documents[places], rest)
        index = names.take(pa.array(places))
        for field in block.index.schema:
            index = index.append_column(field, block.index[field.name])
        return places, replace(block, index=index)

    def _gather_segment(
        self,
        entry: SegmentEntry,
        reader: SegmentReader,
        documents: npt.NDArray[np.int64],
        columns: Sequence[str] | None = OWN_COLUMNS,
    ) -> FeatureBlock:
        """These documents of a segment, and these columns; positions are sorted, and one may come twice."""
        segment = self.open_segment(entry, reader, columns)
        offsets, index = segment.offsets, segment.index
        unique, back = np.unique(documents, return_inverse=True)
        lengths = (offsets[1:] - offsets[:-1])[unique]
        packed = reader.packed_rows(rows_of(offsets[unique], lengths))
        block = FeatureBlock(index.take(pa.array(unique)), packed, offsets_of(lengths))
        return block if len(unique) == len(documents) else block.take(back)
