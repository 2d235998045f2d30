"""The store: one URI, one feature spec, numbered snapshots of immutable segments."""

from __future__ import annotations

import uuid
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from os import PathLike
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from encore.featurestore.common import several
from encore.featurestore.documents import (
    INDEX_SCHEMA,
    FeatureBlock,
    KeyArray,
    KeyIndex,
    WantedKeys,
    combine_digests,
    concatenate_indexes,
    document_digest_sum,
    id_array,
    joined_schema,
    key_hashes,
    offsets_of,
    rows_of,
    words,
)
from encore.featurestore.errors import DataError, SnapshotGone, UsageError
from encore.featurestore.history import (
    LOOKS,
    STORE_FILE,
    Manifest,
    VersionLog,
    manifest_path,
    read_spec,
    read_store_id,
    require_lists,
    require_no_snapshots,
    snapshot_number,
    version_log,
)
from encore.featurestore.history.store_file import store_file
from encore.featurestore.segments import (
    BufferPool,
    OpenSegment,
    SegmentEntry,
    SegmentReader,
    entries_of,
    live_positions,
    read_deletions,
    segment_id,
)
from encore.featurestore.spec import FeatureSpec
from encore.featurestore.storage import REQUESTS_AT_ONCE, Objects

T = TypeVar("T")

OWN_COLUMNS = tuple(INDEX_SCHEMA.names)
"""Columns of an index that are the store's own. Kept corpus columns are read where they are asked for."""
SCAN_BYTES = 64 << 20
"""Packed bytes of one scanned block: what a scan holds in memory."""
OPEN_AHEAD = 4
"""Segments whose indexes a scan reads before they are needed."""


@dataclass(frozen=True)
class Store:
    """One snapshot of a feature store.

    Attributes:
        objects: where it lies.
        spec: what its features are.
        manifest: the snapshot that is read; version 0 is the empty store.
    """

    objects: Objects
    spec: FeatureSpec
    manifest: Manifest

    @classmethod
    def open(cls, uri: str | PathLike[str], snapshot: int | str | None = None) -> Store:
        """Open a store at its newest snapshot, or at one by number or by tag.

        Raises:
            UsageError: there is no store at ``uri``, or no such snapshot or tag.
            StoreError: its ``store.json`` is damaged, gone or of a newer format; or the manifest or a list of the
                newest snapshot is damaged or gone, as far as a look at sizes tells
                (`encore.featurestore.history.torn_writes`).
        """
        objects = Objects.open(uri)
        spec = read_spec(objects)
        if spec is None:
            require_no_snapshots(objects)
            raise UsageError(f"{objects.uri}: no store here (no {STORE_FILE}); encore encode makes one")
        log = version_log(objects)
        if snapshot is None:
            return cls(objects, spec, _newest(log))
        number = snapshot_number(objects, snapshot)
        # If an interrupted removal had begun to take a tagged snapshot, all of its objects are still there.
        by_tag = isinstance(snapshot, str) and not snapshot.isdigit()
        return cls(objects, spec, log.at(number, taken=by_tag))

    @classmethod
    def create(cls, uri: str, spec: FeatureSpec) -> Store:
        """Make a store, or open the one that is there if it asks for the same features.

        If another writer made the store meanwhile, that writer's calibration is in force.

        Raises:
            SpecMismatch: a store with another request is there.
            StoreError: it is damaged, a link lies in it, or it has snapshots but no ``store.json``.
        """
        objects = Objects.open(uri, make=True)
        objects.require_no_links()
        if objects.size(STORE_FILE) is None:
            require_no_snapshots(objects)
        objects.create(STORE_FILE, store_file(spec, uuid.uuid4().hex))
        store = cls.open(uri)
        store.spec.require_request(spec, "store", "request")
        return store

    @property
    def uri(self) -> str:
        """Where the store lies."""
        return self.objects.uri

    @cached_property
    def store_id(self) -> str:
        """Random name that the store was given when it was made; a copy of the store keeps it."""
        return read_store_id(self.objects)

    @property
    def version(self) -> int:
        """Number of the snapshot; 0 before the first commit."""
        return self.manifest.version

    @cached_property
    def entries(self) -> list[SegmentEntry]:
        """The segments of the snapshot."""
        return entries_of(version_log(self.objects).entries(self.manifest))

    @cached_property
    def listed(self) -> dict[str, SegmentEntry]:
        """Segment → its entry."""
        return {entry.segment: entry for entry in self.entries}

    def segment_for(self, index: pa.Table) -> str:
        """Name of the segment that a job on this snapshot makes of documents that the snapshot lacks.

        If a text changed and changed back, the usual name may be that of a listed segment in which the document is
        deleted. The new segment is then named after that name and its deletion vector in force.

        Args:
            index: key hashes and text digests of the documents, in the segment's order.
        """
        name = segment_id(index["key_hash"], index["text_digest"], self.spec.fingerprint)
        while name in self.listed:
            taken = f"{self.spec.fingerprint}{name}{self.listed[name].deletions}"
            name = segment_id(index["key_hash"], index["text_digest"], taken)
        return name

    @property
    def _live_entries(self) -> list[SegmentEntry]:
        """The segments that hold a live document."""
        return [entry for entry in self.entries if entry.live]

    @cached_property
    def keys(self) -> KeyIndex:
        """Where every live document lies; reads every segment's index once."""
        return self.keys_of([i for i, entry in enumerate(self.entries) if entry.live])

    def __len__(self) -> int:
        """Number of live documents."""
        return sum(entry.live for entry in self.entries)

    def __bool__(self) -> bool:
        """True, for an empty store too."""
        return True

    def __repr__(self) -> str:
        documents = self.manifest.counts.get("documents", 0)
        return f"Store({self.uri!r}, snapshot={self.version}, documents={documents}, features='{self.spec}')"

    def keys_of(self, ordinals: Sequence[int]) -> KeyIndex:
        """The key index of some of the snapshot's segments."""
        with ThreadPoolExecutor(REQUESTS_AT_ONCE) as pool:
            return KeyIndex.build(list(pool.map(self._keys_of_segment, ordinals)))

    def locate(self, keys: KeyIndex, found: npt.NDArray[np.int64]) -> dict[str, npt.NDArray[np.int64]]:
        """Positions in a key index of this snapshot as segment → sorted positions in the segment's index."""
        return {self.entries[ordinal].segment: here for ordinal, here in keys.by_segment(found).items()}

    def contains(self, doc_ids: str | Sequence[str] | pa.Array) -> npt.NDArray[np.bool_]:
        """(n,) bool: whether each id is stored."""
        return self.contains_keys(words(key_hashes(id_array(doc_ids))))

    def contains_keys(self, keys: KeyArray) -> npt.NDArray[np.bool_]:
        """(n,) bool: whether a document of each key hash (n, 2), as `words` gives them, is stored."""
        stored = np.zeros(len(keys), bool)
        for _, documents in self._places(keys, self._live_entries):
            stored |= documents >= 0
        return stored

    def positions_of(self, keys: KeyArray, entries: Sequence[SegmentEntry]) -> dict[str, npt.NDArray[np.int64]]:
        """Where the documents of these key hashes (n, 2) live: segment → sorted positions in the segment's index.

        Args:
            keys: as `words` gives them.
            entries: segments of this snapshot, the only ones that are looked at.
        """
        found = {entry.segment: documents[documents >= 0] for entry, documents in self._places(keys, entries)}
        return {segment: np.unique(documents) for segment, documents in found.items() if len(documents)}

    def documents(self, columns: str | Sequence[str] | None = None) -> pa.Table:
        """The document index: one row a live document, with the corpus columns that were kept.

        Kept columns whose types differ between segments have the type that
        `encore.featurestore.documents.columns.promoted` finds.

        Raises:
            UsageError: no segment has one of the columns asked for.
        """
        columns = None if columns is None else several(columns, "columns")
        with ThreadPoolExecutor(REQUESTS_AT_ONCE) as pool:
            tables = list(pool.map(lambda entry: self.live_index(entry, columns), self._live_entries))
        wanted = INDEX_SCHEMA if columns is None else pa.schema([f for f in INDEX_SCHEMA if f.name in columns])
        table = concatenate_indexes([wanted.empty_table(), *tables])
        if columns is None:
            return table
        missing = [name for name in columns if name not in table.column_names]
        if missing and tables:
            held = ", ".join(self.documents().column_names)
            raise UsageError(f"{self.uri}: no column {', '.join(missing)} in the document index; it has {held}")
        return table.select([name for name in columns if name not in missing])

    def kept_columns(self) -> pa.Schema:
        """The corpus columns that were kept, of the types that `documents` gives them; reads every segment's index."""
        with ThreadPoolExecutor(REQUESTS_AT_ONCE) as pool:
            return joined_schema(pool.map(lambda entry: self.reader(entry).kept_columns(), self._live_entries))

    def scan(self, max_bytes: int = SCAN_BYTES) -> Iterator[FeatureBlock]:
        """Every live document once, in the snapshot's order, as blocks of some ``max_bytes`` of packed features.

        Kept corpus columns are not read: `documents` has them, in the same order.

        From object storage, the indexes of the next segments are read while the caller works on a block: many small
        segments then cost hardly more than their bytes. A disk is read without this: other threads would only cause
        waiting.
        """
        buffers = BufferPool()
        if self.objects.on_disk:
            for entry in self._live_entries:
                yield from self.open_segment(entry).blocks(max_bytes, buffers)
            return
        with ThreadPoolExecutor(OPEN_AHEAD) as pool:
            ahead: deque[Future[OpenSegment]] = deque()
            for entry in self._live_entries:
                ahead.append(pool.submit(self.open_segment, entry))
                if len(ahead) > OPEN_AHEAD:
                    yield from ahead.popleft().result().blocks(max_bytes, buffers)
            while ahead:
                yield from ahead.popleft().result().blocks(max_bytes, buffers)

    def scan_segment(
        self,
        entry: SegmentEntry,
        max_bytes: int = SCAN_BYTES,
        buffers: BufferPool | None = None,
        columns: Sequence[str] | None = OWN_COLUMNS,
    ) -> Iterator[FeatureBlock]:
        """The live documents of one segment, as blocks of some ``max_bytes`` of packed features.

        A caller that scans several segments gives one pool of memory for all of them.

        Args:
            entry: the segment.
            max_bytes: packed bytes of a block.
            buffers: memory that blocks are read into.
            columns: of the index; None for all, kept corpus columns among them.
        """
        if entry.live:
            yield from self.open_segment(entry, columns=columns).blocks(max_bytes, buffers or BufferPool())

    def gather(self, doc_ids: str | Sequence[str] | pa.Array) -> FeatureBlock:
        """These documents, in the order asked for; an id may come twice.

        Reads the key hashes of every segment, and only those chunks that hold the documents. Takes memory for their
        packed features, and twice as much while they are put in order. Kept corpus columns are not read: `documents`
        has them.

        Raises:
            DataError: ids that are not stored: how many, and the first of them.
        """
        ids = id_array(doc_ids)
        fields = pa.schema([INDEX_SCHEMA.field(name) for name in ("doc_id", "key_hash")])
        names = pa.table([ids, key_hashes(ids)], schema=fields)
        wanted = WantedKeys.of(words(names["key_hash"]))
        with ThreadPoolExecutor(REQUESTS_AT_ONCE) as pool:
            parts = pool.map(lambda entry: self._gather_wanted(names, wanted, entry), self._live_entries)
            found = [part for part in parts if part is not None]
        places = [here for here, _ in found]
        missing = np.setdiff1d(np.arange(len(ids)), np.concatenate([np.empty(0, np.int64), *places]))
        if len(missing):
            first = ", ".join(ids.take(pa.array(missing[:5])).to_pylist())
            raise DataError(f"{self.uri}: {len(missing)} of {len(ids)} documents are not stored, for example {first}")
        return FeatureBlock.interleave([block for _, block in found], places) if found else self.empty_block()

    def gather_positions(self, positions: npt.NDArray[np.int64]) -> FeatureBlock:
        """The documents at these positions of `keys`, in this order; a position may come twice."""
        segments, documents = self.keys.segment[positions], self.keys.document[positions]
        return self.gather_from(self.entries, segments.astype(np.int64), documents.astype(np.int64))

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
            return self._gather_segment(entry, self.reader(entry), documents[here], columns)

        with ThreadPoolExecutor(REQUESTS_AT_ONCE) as pool:
            parts = pool.map(gather, ordinals, places)
            return FeatureBlock.interleave(list(parts), places)

    def digest(self) -> str:
        """sha256-sized digest (hex) of every (doc_id, packed features), whatever segments they lie in."""
        return combine_digests(document_digest_sum(block) for block in self.scan())

    def reader(self, entry: SegmentEntry) -> SegmentReader:
        """Reader of one segment's objects."""
        return SegmentReader(self.objects, entry, manifest_path(self.version))

    def deletions(self, entry: SegmentEntry) -> npt.NDArray[np.int64]:
        """Positions of one segment's deleted documents, sorted."""
        return read_deletions(self.objects, entry.deletions, manifest_path(self.version), documents=entry.documents)

    def live_index(self, entry: SegmentEntry, columns: Sequence[str] | None = None) -> pa.Table:
        """The document index of one segment without its deleted rows."""
        index = self.reader(entry).index(columns)
        if entry.deletions is None:
            return index
        deleted = self.deletions(entry)
        return index.take(pa.array(live_positions(entry.documents, deleted)))

    def empty_block(self) -> FeatureBlock:
        """A block of no documents."""
        packed = np.empty((0, *self.spec.packed_shape), self.spec.quantizer.dtype)
        return FeatureBlock(INDEX_SCHEMA.empty_table(), packed, np.zeros(1, np.int64))

    def _keys_of_segment(self, ordinal: int) -> KeyIndex:
        entry = self.entries[ordinal]
        index = self.reader(entry).index(["key_hash", "text_digest"])
        deleted = self.deletions(entry)
        return KeyIndex.of_segment(index, ordinal, live_positions(entry.documents, deleted))

    def _places(
        self, keys: KeyArray, entries: Sequence[SegmentEntry]
    ) -> Iterator[tuple[SegmentEntry, npt.NDArray[np.int64]]]:
        """Each of these segments that holds a live document, with `_documents_of` of it."""
        wanted = WantedKeys.of(keys)
        live = [entry for entry in entries if entry.live]
        with ThreadPoolExecutor(REQUESTS_AT_ONCE) as pool:
            found = pool.map(lambda entry: self._documents_of(wanted, entry, self.reader(entry)), live)
            yield from zip(live, found, strict=True)

    def _documents_of(self, wanted: WantedKeys, entry: SegmentEntry, reader: SegmentReader) -> npt.NDArray[np.int64]:
        """(n,) int64: where each wanted document lies in a segment, −1 where it does not live there."""
        hashes = reader.index(["key_hash"])["key_hash"]
        return wanted.documents(hashes, self.deletions(entry))

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
        reader = self.reader(entry)
        documents = self._documents_of(wanted, entry, reader)
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

    def open_segment(
        self,
        entry: SegmentEntry,
        reader: SegmentReader | None = None,
        columns: Sequence[str] | None = OWN_COLUMNS,
    ) -> OpenSegment:
        """All of a segment but its features, with some or all columns of its index, checked against its entry."""
        return OpenSegment.open(reader or self.reader(entry), self.deletions(entry), columns)


def _newest(log: VersionLog) -> Manifest:
    """The newest snapshot, whose lists are checked to be there; a vacuum may remove one that has followers by now."""
    for _ in range(LOOKS):
        manifest = log.latest()
        try:
            require_lists(log.objects, manifest)
        except SnapshotGone:
            continue
        return manifest
    return log.latest()


def read_store(uri: str, snapshot: int | str | None, read: Callable[[Store], T]) -> T:
    """Run ``read`` on a snapshot, by default the newest; once more if a vacuum removes the newest meanwhile.

    Args:
        uri: of the store.
        snapshot: number or tag; a snapshot that is named is never replaced by another.
        read: reads the store from the start; it may be called twice.

    Raises:
        UsageError, StoreError: as `Store.open`, and what ``read`` raises; `SnapshotGone` where a named snapshot was
            removed, or a second one.
    """
    try:
        return read(Store.open(uri, snapshot))
    except SnapshotGone:
        if snapshot is not None:
            raise
    return read(Store.open(uri))
