"""The document indexes of one snapshot's segments: which documents live in them, and the columns kept beside them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from encore.featurestore.common import several
from encore.featurestore.documents import (
    INDEX_SCHEMA,
    KeyArray,
    KeyIndex,
    WantedKeys,
    concatenate_indexes,
    joined_schema,
)
from encore.featurestore.errors import UsageError
from encore.featurestore.segments import SegmentEntry, SegmentReader, live_positions, read_deletions
from encore.featurestore.storage import REQUESTS_AT_ONCE, Objects


@dataclass(frozen=True)
class SegmentIndexes:
    """Reads the indexes of segments that a snapshot lists.

    Attributes:
        objects: where the store lies.
        manifest: path of the snapshot's manifest, which an error about a missing object names.
    """

    objects: Objects
    manifest: str

    def reader(self, entry: SegmentEntry) -> SegmentReader:
        """Reader of one segment's objects."""
        return SegmentReader(self.objects, entry, self.manifest)

    def deletions(self, entry: SegmentEntry) -> npt.NDArray[np.int64]:
        """Positions of one segment's deleted documents, sorted."""
        return read_deletions(self.objects, entry.deletions, self.manifest, documents=entry.documents)

    def live_index(self, entry: SegmentEntry, columns: Sequence[str] | None = None) -> pa.Table:
        """The document index of one segment without its deleted rows."""
        index = self.reader(entry).index(columns)
        if entry.deletions is None:
            return index
        deleted = self.deletions(entry)
        return index.take(pa.array(live_positions(entry.documents, deleted)))

    def keys(self, entries: Mapping[int, SegmentEntry]) -> KeyIndex:
        """Where every live document of these segments lies; a segment's number is its place in the snapshot."""

        def keys_of_segment(ordinal: int, entry: SegmentEntry) -> KeyIndex:
            index = self.reader(entry).index(["key_hash", "text_digest"])
            return KeyIndex.of_segment(index, ordinal, live_positions(entry.documents, self.deletions(entry)))

        with ThreadPoolExecutor(REQUESTS_AT_ONCE) as pool:
            return KeyIndex.build(list(pool.map(keys_of_segment, entries.keys(), entries.values())))

    def find(self, wanted: WantedKeys, entry: SegmentEntry, reader: SegmentReader) -> npt.NDArray[np.int64]:
        """(n,) int64: where each wanted document lies in a segment, −1 where it does not live there."""
        hashes = reader.index(["key_hash"])["key_hash"]
        return wanted.documents(hashes, self.deletions(entry))

    def places(
        self, keys: KeyArray, entries: Sequence[SegmentEntry]
    ) -> Iterator[tuple[SegmentEntry, npt.NDArray[np.int64]]]:
        """Each of these segments that holds a live document, with what `find` says of it."""
        wanted = WantedKeys.of(keys)
        live = [entry for entry in entries if entry.live]
        with ThreadPoolExecutor(REQUESTS_AT_ONCE) as pool:
            found = pool.map(lambda entry: self.find(wanted, entry, self.reader(entry)), live)
            yield from zip(live, found, strict=True)

    def positions_of(self, keys: KeyArray, entries: Sequence[SegmentEntry]) -> dict[str, npt.NDArray[np.int64]]:
        """Where the documents of these key hashes (n, 2) live: segment → sorted positions in the segment's index.

        Args:
            keys: as `words` gives them.
            entries: segments of the snapshot, the only ones that are looked at.
        """
        found = {entry.segment: documents[documents >= 0] for entry, documents in self.places(keys, entries)}
        return {segment: np.unique(documents) for segment, documents in found.items() if len(documents)}

    def documents(self, entries: Sequence[SegmentEntry], columns: str | Sequence[str] | None = None) -> pa.Table:
        """The rows of these segments' live documents; see `Catalogue.documents`."""
        columns = None if columns is None else several(columns, "columns", "str")
        with ThreadPoolExecutor(REQUESTS_AT_ONCE) as pool:
            tables = list(pool.map(lambda entry: self.live_index(entry, columns), entries))
        wanted = INDEX_SCHEMA if columns is None else pa.schema([f for f in INDEX_SCHEMA if f.name in columns])
        table = concatenate_indexes([wanted.empty_table(), *tables])
        if columns is None:
            return table
        missing = [name for name in columns if name not in table.column_names]
        if missing and tables:
            held = ", ".join(self.documents(entries).column_names)
            raise UsageError(f"{self.objects.uri}: no column {', '.join(missing)} in the document index; it has {held}")
        return table.select([name for name in columns if name not in missing])

    def kept_columns(self, entries: Sequence[SegmentEntry]) -> pa.Schema:
        """The corpus columns that were kept in these segments, of the types that `documents` gives them."""
        with ThreadPoolExecutor(REQUESTS_AT_ONCE) as pool:
            return joined_schema(pool.map(lambda entry: self.reader(entry).kept_columns(), entries))
