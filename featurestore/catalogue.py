"""The catalogue of a snapshot: which segments it lists, which documents live in them, and ways to read them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from os import PathLike

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from encore.featurestore.documents import (
    FeatureBlock,
    KeyArray,
    KeyIndex,
    combine_digests,
    document_digest_sum,
    id_array,
    key_hashes,
    words,
)
from encore.featurestore.feature_reader import SCAN_BYTES, FeatureReader
from encore.featurestore.history import (
    Manifest,
    create_store_file,
    manifest_path,
    manifest_to_read,
    read_store_id,
    require_spec,
    version_log,
)
from encore.featurestore.segment_indexes import SegmentIndexes
from encore.featurestore.segments import SegmentEntry, SegmentReader, entries_of, segment_id
from encore.featurestore.spec import FeatureSpec
from encore.featurestore.storage import Objects


@dataclass(frozen=True)
class Catalogue:
    """What a store holds at one snapshot; `encore.Store` is the user's handle of it.

    Attributes:
        objects: where it lies.
        spec: what its features are.
        manifest: the snapshot that is read; version 0 is the empty store.
    """

    objects: Objects
    spec: FeatureSpec
    manifest: Manifest

    @classmethod
    def open(cls, uri: str | PathLike[str], snapshot: int | str | None = None) -> Catalogue:
        """Open a store at its newest snapshot, or at one by number or by tag.

        Raises:
            UsageError: there is no store at ``uri``, or no such snapshot or tag.
            StoreError: its ``store.json`` is damaged, gone or of a newer format; or the manifest or a list of the
                newest snapshot is damaged or gone, as far as a look at sizes tells
                (`encore.featurestore.history.torn_writes`).
        """
        objects = Objects.open(uri)
        return cls(objects, require_spec(objects), manifest_to_read(objects, snapshot))

    @classmethod
    def create(cls, uri: str, spec: FeatureSpec) -> Catalogue:
        """Make a store, or open the one that is there if it asks for the same features.

        If another writer made the store meanwhile, that writer's calibration is in force.

        Raises:
            SpecMismatch: a store with another request is there.
            StoreError: it is damaged, a link lies in it, or it has snapshots but no ``store.json``.
        """
        objects = Objects.open(uri, make=True)
        create_store_file(objects, spec)
        store = cls.open(uri)
        store.spec.require_request(spec, "store", "request")
        return store

    def newest(self) -> Catalogue:
        """The catalogue of the store's newest snapshot."""
        return Catalogue(self.objects, self.spec, version_log(self.objects).latest())

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
        return f"Catalogue({self.uri!r}, snapshot={self.version}, documents={documents}, features='{self.spec}')"

    def keys_of(self, ordinals: Sequence[int]) -> KeyIndex:
        """The key index of some of the snapshot's segments."""
        return self.indexes.keys({ordinal: self.entries[ordinal] for ordinal in ordinals})

    def locate(self, keys: KeyIndex, found: npt.NDArray[np.int64]) -> dict[str, npt.NDArray[np.int64]]:
        """Positions in a key index of this snapshot as segment → sorted positions in the segment's index."""
        return {self.entries[ordinal].segment: here for ordinal, here in keys.by_segment(found).items()}

    def contains(self, doc_ids: str | Sequence[str] | pa.Array) -> npt.NDArray[np.bool_]:
        """(n,) bool: whether each id is stored."""
        return self.contains_keys(words(key_hashes(id_array(doc_ids))))

    def contains_keys(self, keys: KeyArray) -> npt.NDArray[np.bool_]:
        """(n,) bool: whether a document of each key hash (n, 2), as `words` gives them, is stored."""
        stored = np.zeros(len(keys), bool)
        for _, documents in self.indexes.places(keys, self._live_entries):
            stored |= documents >= 0
        return stored

    def documents(self, columns: str | Sequence[str] | None = None) -> pa.Table:
        """The document index: one row a live document, with the corpus columns that were kept.

        Kept columns whose types differ between segments have the type that
        `encore.featurestore.documents.columns.promoted` finds.

        Raises:
            UsageError: no segment has one of the columns asked for.
        """
        return self.indexes.documents(self._live_entries, columns)

    def kept_columns(self) -> pa.Schema:
        """The corpus columns that were kept, of the types that `documents` gives them; reads every segment's index."""
        return self.indexes.kept_columns(self._live_entries)

    @cached_property
    def indexes(self) -> SegmentIndexes:
        """Reads indexes of the snapshot's segments."""
        return SegmentIndexes(self.objects, manifest_path(self.version))

    @cached_property
    def features(self) -> FeatureReader:
        """Reads features of the snapshot's segments."""
        return FeatureReader(self.indexes, self.spec)

    def scan(self, max_bytes: int = SCAN_BYTES) -> Iterator[FeatureBlock]:
        """Every live document once, in the snapshot's order, as blocks of some ``max_bytes`` of packed features.

        Kept corpus columns are not read: `documents` has them, in the same order.
        """
        return self.features.scan(self._live_entries, max_bytes)

    def gather(self, doc_ids: str | Sequence[str] | pa.Array) -> FeatureBlock:
        """These documents, in the order asked for; an id may come twice.

        Reads the key hashes of every segment, and only those chunks that hold the documents. Takes memory for their
        packed features, and twice as much while they are put in order. Kept corpus columns are not read: `documents`
        has them.

        Raises:
            DataError: ids that are not stored: how many, and the first of them.
        """
        return self.features.gather(doc_ids, self._live_entries)

    def gather_positions(self, positions: npt.NDArray[np.int64]) -> FeatureBlock:
        """The documents at these positions of `keys`, in this order; a position may come twice."""
        segments, documents = self.keys.segment[positions], self.keys.document[positions]
        return self.features.gather_from(self.entries, segments.astype(np.int64), documents.astype(np.int64))

    def digest(self) -> str:
        """sha256-sized digest (hex) of every (doc_id, packed features), whatever segments they lie in."""
        return combine_digests(document_digest_sum(block) for block in self.scan())

    def reader(self, entry: SegmentEntry) -> SegmentReader:
        """Reader of one segment's objects."""
        return self.indexes.reader(entry)

    def deletions(self, entry: SegmentEntry) -> npt.NDArray[np.int64]:
        """Positions of one segment's deleted documents, sorted."""
        return self.indexes.deletions(entry)

    def live_index(self, entry: SegmentEntry, columns: Sequence[str] | None = None) -> pa.Table:
        """The document index of one segment without its deleted rows."""
        return self.indexes.live_index(entry, columns)
