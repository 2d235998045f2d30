"""Reading segments: nothing comes back that the segment's completion record does not vouch for."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from encore.featurestore.common import first_line, lazy
from encore.featurestore.documents import INDEX_SCHEMA, as_stored, promoted
from encore.featurestore.errors import RESTORE, StoreError
from encore.featurestore.format import (
    DIGEST_ROW_BYTES,
    missing_reference,
    parse_json,
    read_parquet,
    read_reference,
    read_schema,
)
from encore.featurestore.segments.entries import SegmentEntry
from encore.featurestore.segments.records import SegmentRecord, StoredObject, attempt_path, record_path
from encore.featurestore.segments.shards import Shard, ShardLayout
from encore.featurestore.segments.writer import INDEX_FILE
from encore.featurestore.storage import Objects

LARGEST_CHUNK = 64 << 20
"""Decoded bytes of a chunk beyond its last row: 1 MiB is what this release writes."""
RUN_CHUNKS = 4
"""Neighbouring chunks that a random read fetches by one request."""
RUN_THREADS = 4
"""Such requests at a time: with `RUN_CHUNKS`, what a random read holds beside the rows asked for."""


@dataclass(frozen=True)
class IndexFile:
    """A document index whose bytes were compared with their checksum.

    Attributes:
        name: of the object, for errors.
        data: its bytes.
        documents: rows that it is listed with.
    """

    name: str
    data: bytes
    documents: int

    def read(self, columns: Sequence[str] | None = None) -> pa.Table:
        """All columns, or some; a corpus column that the index lacks is left out, and others get plain types."""
        # Threads work on many segments, not on the columns of one.
        table = read_parquet(
            self.data, self.name, columns=columns, rows=self.documents, row_bytes=DIGEST_ROW_BYTES, threads=False
        )
        for field in INDEX_SCHEMA:
            if columns is None or field.name in columns:
                self._require_own(field, table)
        # A store may come from anybody, and pyarrow cannot even take rows of some types.
        for place, name in enumerate(table.column_names):
            if name not in INDEX_SCHEMA.names:
                table = table.set_column(place, name, self._plain(table[name]))
        return table

    def kept(self) -> pa.Schema:
        """The kept corpus columns, of the types that `read` gives them; none of their values is decoded."""
        held = read_schema(self.data, self.name)
        return pa.schema(
            [
                pa.field(field.name, promoted([field.type]), field.nullable)
                for field in held
                if field.name not in INDEX_SCHEMA.names
            ]
        )

    def _require_own(self, field: pa.Field, table: pa.Table) -> None:
        """Raise StoreError if one of the store's own columns is not as Encore writes it."""
        if field.name not in table.column_names:
            raise self._damaged(f"no column {field.name}")
        column = table[field.name]
        if column.type != field.type:
            raise self._damaged(f"column {field.name} is of {column.type}, expected {field.type}")
        if column.null_count:
            raise self._damaged(f"column {field.name} has nulls")

    def _plain(self, column: pa.ChunkedArray) -> pa.ChunkedArray:
        try:
            return as_stored(column)
        except pa.ArrowException as error:
            raise self._damaged(first_line(error)) from error

    def _damaged(self, what: str) -> StoreError:
        return StoreError(f"{self.name}: damaged: {what}; {RESTORE}")


@dataclass(frozen=True)
class SegmentReader:
    """Reads one listed segment; each method raises a StoreError that names the object if one is damaged.

    The segment list holds the checksum of the completion record, and the record the checksums of the objects. Small
    objects are compared with theirs as a whole; chunks of features and offsets carry a crc32c each.

    Attributes:
        objects: where the store lies.
        entry: the segment, as a snapshot lists it.
        manifest: path of the snapshot's manifest, to tell what is lost from what was vacuumed with the snapshot.
    """

    objects: Objects
    entry: SegmentEntry
    manifest: str | None = None

    @property
    def segment(self) -> str:
        """Id of the segment."""
        return self.entry.segment

    def index(self, columns: Sequence[str] | None = None) -> pa.Table:
        """The document index, or some columns of it; a corpus column that it does not have is left out."""
        return self._index_file.read(columns)

    def kept_columns(self) -> pa.Schema:
        """The corpus columns that the document index has beside the store's own, and their types."""
        return self._index_file.kept()

    def offsets(self) -> npt.NDArray[np.int64]:
        """(documents + 1,) int64: where each document's rows begin and end."""
        return self._offsets.read(0, self._offsets.layout.shape[0]).astype(np.int64, copy=False)

    def packed(self, start: int, stop: int, out: npt.NDArray[Any] | None = None) -> npt.NDArray[np.generic]:
        """Rows start to stop of the packed features, into ``out`` where it is given."""
        return self._features.read(start, stop, out)

    def packed_rows(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.generic]:
        """These rows, sorted ascending, reading each chunk that holds one of them once, several runs at a time."""
        shard = self._features
        out = np.empty((len(rows), *shard.layout.shape[1:]), shard.layout.dtype)
        if not len(rows):
            return out

        def read_run(run: tuple[int, int]) -> None:
            first, last = np.searchsorted(rows, run)
            inside = rows[first:last]
            out[first:last] = self.packed(run[0], int(inside[-1]) + 1)[inside - run[0]]

        runs = [(int(rows[0]), int(rows[-1]) + 1)] if shard.comes_whole else list(_runs(rows, shard.layout.chunk_rows))
        with ThreadPoolExecutor(min(len(runs), RUN_THREADS)) as pool:
            for _ in pool.map(read_run, runs):
                pass
        return out

    def fetch_index(self) -> None:
        """Read the document index and compare it with its checksum, for `index` to decode."""
        _ = self._index_file

    @property
    def layout(self) -> ShardLayout:
        """How the packed features lie."""
        return self._features.layout

    @property
    def codec(self) -> str:
        """Lossless codec of the features, as `write_segment` takes it."""
        return self._features.layout.codec

    @lazy
    def record(self) -> SegmentRecord:
        """The completion record that was listed."""
        path = record_path(self.segment)
        data = read_reference(self.objects, path, self.manifest, self.entry.record)
        return SegmentRecord.parse(data, self.objects.name(path))

    @lazy
    def _index_file(self) -> IndexFile:
        """The document index. It is kept: a caller that reads key hashes first and documents later fetches it once."""
        return IndexFile(self._name(INDEX_FILE), self._verified(INDEX_FILE), self.entry.documents)

    @lazy
    def _features(self) -> Shard:
        return self._shard("features")

    @lazy
    def _offsets(self) -> Shard:
        return self._shard("offsets")

    @lazy
    def _recorded(self) -> Mapping[str, StoredObject]:
        """Path below the attempt → what the completion record says of the object."""
        return {stored.path: stored for stored in self.record.objects}

    def _verified(self, path: str) -> bytes:
        """An object of the segment, compared with the checksum in the completion record."""
        known = self._recorded.get(path)
        whole = f"{self._folder}/{path}"
        try:
            # With a known length this is one call into storage; without, it is two.
            data = self.objects.get(whole) if known is None else self.objects.get_range(whole, 0, known.size)
        except FileNotFoundError as error:
            raise missing_reference(self.objects, whole, self.manifest) from error
        except StoreError:
            if self.objects.size(whole) != 0:
                raise
            # Storage refuses every range of an empty object.
            data = b""
        if known is None or hashlib.sha256(data).hexdigest() != known.sha256:
            raise StoreError(f"{self._name(path)}: damaged: its bytes are not those that its record says; {RESTORE}")
        return data

    def _shard(self, name: str) -> Shard:
        """One array; the completion record knows how long its object is."""
        path = f"{name}/zarr.json"
        data = self._verified(path)
        shards = [stored for stored in self._recorded.values() if stored.path.startswith(f"{name}/c/")]
        try:
            (shard,) = shards
            layout = ShardLayout.of(parse_json(data))
            self._require_listed(name, layout, shard.size)
        except ValueError as error:
            raise StoreError(f"{self._name(path)}: not an array of this format: {error}; {RESTORE}") from error
        return Shard(self.objects, f"{self._folder}/{shard.path}", shard.size, layout, self.manifest)

    def _require_listed(self, name: str, layout: ShardLayout, size: int) -> None:
        """Raise ValueError unless an array is as large as the list says: its layout decides the memory to take."""
        rows, bytes_ = layout.shape[0], math.prod(layout.shape) * layout.dtype.itemsize
        expected = (self.entry.rows, self.entry.payload_bytes)
        if name == "offsets":
            expected = (self.entry.documents + 1, 8 * (self.entry.documents + 1))
        if (rows, bytes_) != expected:
            raise ValueError(f"{rows} rows of {bytes_} bytes, its list says {expected[0]} of {expected[1]}")
        if layout.chunk_rows > max(1, rows) or layout.chunk_bytes > LARGEST_CHUNK + bytes_ // max(1, rows):
            raise ValueError(f"chunks of {layout.chunk_bytes} bytes")
        if layout.index_bytes > size:
            raise ValueError(f"{layout.chunks} chunks in {size} bytes")

    @property
    def _folder(self) -> str:
        return attempt_path(self.segment, self.entry.attempt)

    def _name(self, path: str) -> str:
        return self.objects.name(f"{self._folder}/{path}")


def _runs(rows: npt.NDArray[np.int64], chunk_rows: int) -> Iterator[tuple[int, int]]:
    """(start, stop) rows of the runs of at most `RUN_CHUNKS` neighbouring chunks that hold these sorted rows."""
    chunks = np.unique(rows // chunk_rows)
    for neighbours in np.split(chunks, np.flatnonzero(np.diff(chunks) > 1) + 1):
        for at in range(0, len(neighbours), RUN_CHUNKS):
            run = neighbours[at : at + RUN_CHUNKS]
            yield int(run[0]) * chunk_rows, (int(run[-1]) + 1) * chunk_rows
