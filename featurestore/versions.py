"""Numbered versions of a table of entries, published by create-if-absent: the only commit point.

A manifest names the immutable lists that its version consists of. Lists are read in order and a later entry for the
same key replaces an earlier one, so a commit writes only what it changes; lists of like size are merged as they pile
up, so a version of n entries has about log n of them. The store's segments and the files of a predictions folder are
both such tables.
"""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from featurestore.errors import RESTORE, UPGRADE, StoreError, UsageError
from featurestore.objects import Objects
from featurestore.sealed import seal, unseal

FORMAT_VERSION = 1
READ_THREADS = 16
"""Manifests of a history that are read at a time."""


@dataclass(frozen=True)
class EntryList:
    """An immutable list: the digest that names it, and how many entries it has."""

    digest: str
    entries: int


@dataclass(frozen=True)
class Manifest:
    """One published version.

    Attributes:
        version: its number, from 1; version 0 is the empty table and has no manifest.
        parent: the version that it changes.
        write_id: names the commit, so that a writer whose answer was lost recognises its own.
        committed_at: UTC, ISO 8601.
        operation: what made it: ``encode``, ``backfill``, …
        lists: what it consists of, oldest first.
        counts: totals of the version, for people and for a look that reads no list.
    """

    version: int
    parent: int
    write_id: str
    committed_at: str
    operation: str
    lists: tuple[EntryList, ...]
    counts: Mapping[str, int] = field(default_factory=dict)

    def to_bytes(self) -> bytes:
        """JSON that `from_bytes` reads back."""
        return seal({"format_version": FORMAT_VERSION} | asdict(self))

    @classmethod
    def from_bytes(cls, data: bytes, name: str) -> Manifest:
        """Inverse of `to_bytes`; ``name`` is the object's, for the StoreError that a damaged one raises."""
        try:
            document: dict[str, Any] = json.loads(data)
            if (version := document["format_version"]) != FORMAT_VERSION:
                raise StoreError(
                    f"{name}: format version {version}; this release reads version {FORMAT_VERSION}: {UPGRADE}"
                )
            document = unseal(document, data, name)
            del document["format_version"]
            document["lists"] = tuple(EntryList(**entry) for entry in document["lists"])
            return cls(**document)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise StoreError(f"{name}: not a manifest: {error}") from error


EMPTY = Manifest(0, 0, "", "", "", ())


@dataclass(frozen=True)
class VersionLog:
    """The versions of one table of entries.

    Attributes:
        objects: where ``manifests/`` and ``lists/`` lie.
        schema: columns of an entry, without the ``removed`` flag that a list adds.
        key: columns that name an entry.
    """

    objects: Objects
    schema: pa.Schema
    key: tuple[str, ...]

    def latest(self) -> Manifest:
        """The newest version; `EMPTY` before the first commit."""
        newest = max(self._published(), default=0)
        return EMPTY if newest == 0 else self._read(newest)

    def at(self, version: int) -> Manifest:
        """A version by number; raises UsageError where there is none."""
        if version == 0:
            return EMPTY
        try:
            return self._read(version)
        except FileNotFoundError as error:
            raise UsageError(
                f"{self.objects.uri}: no snapshot {version}; the newest is {self.latest().version}"
            ) from error

    def history(self) -> list[Manifest]:
        """Every version that is kept, oldest first."""
        with ThreadPoolExecutor(READ_THREADS) as pool:
            return list(pool.map(self._read, sorted(self._published())))

    def entries(self, manifest: Manifest) -> pa.Table:
        """The entries of a version, in the order in which their keys first came."""
        with ThreadPoolExecutor(max(1, len(manifest.lists))) as pool:
            lists = list(pool.map(lambda part: self._read_list(part.digest), manifest.lists))
        merged = lists[0] if len(lists) == 1 else self._merge(lists)
        return merged.filter(pc.field("removed") == False).drop_columns(["removed"])  # noqa: E712

    def publish(
        self,
        parent: Manifest,
        operation: str,
        counts: Mapping[str, int],
        changed: pa.Table,
        removed: pa.Table | None = None,
    ) -> Manifest | None:
        """Try to publish the version after ``parent``.

        Args:
            parent: the version that the change was worked out on.
            operation: what makes the change.
            counts: totals of the new version.
            changed: entries that are new or replace others.
            removed: entries (of the schema) whose keys are gone.

        Returns:
            The manifest in force under the new number if it is this call's; None where another writer was first.
        """
        change = _flagged(changed.select(self.schema.names).cast(self.schema), removed=False)
        if removed is not None:
            change = pa.concat_tables(
                [change, _flagged(removed.select(self.schema.names).cast(self.schema), removed=True)]
            )
        lists = self._with_list(parent.lists, change)
        manifest = Manifest(
            version=parent.version + 1,
            parent=parent.version,
            write_id=uuid.uuid4().hex,
            committed_at=datetime.now(UTC).isoformat(timespec="seconds"),
            operation=operation,
            lists=lists,
            counts=dict(counts),
        )
        return manifest if self._create(manifest) else None

    def _create(self, manifest: Manifest) -> bool:
        """Whether the manifest is in force; a write whose answer was lost is known by its write id."""
        path = _manifest_path(manifest.version)
        try:
            if self.objects.create(path, manifest.to_bytes()):
                return True
        except StoreError:
            if self.objects.size(path) is None:
                raise
        return self._read(manifest.version).write_id == manifest.write_id

    def _published(self) -> Iterator[int]:
        """Numbers of the manifests that are there, in any order; other objects beside them are none of ours."""
        for path, _ in self.objects.walk("manifests"):
            if match := re.fullmatch(r"manifests/(\d{20})\.json", path):
                yield int(match[1])

    def _with_list(self, lists: tuple[EntryList, ...], change: pa.Table) -> tuple[EntryList, ...]:
        """Add a list; merge it with those before it that are not at least twice as long."""
        kept = list(lists)
        parts = [change]
        while kept and kept[-1].entries <= 2 * sum(part.num_rows for part in parts):
            parts.insert(0, self._read_list(kept.pop().digest))
        merged = self._merge(parts)
        if not kept:
            merged = merged.filter(pc.field("removed") == False)  # noqa: E712
        sink = pa.BufferOutputStream()
        pq.write_table(merged, sink, compression="zstd", write_page_checksum=True)
        data = sink.getvalue().to_pybytes()
        digest = hashlib.sha256(data).hexdigest()
        # Over one of the same bytes that a crash left: it is then too young for a vacuum.
        self.objects.put(list_path(digest), data)
        return (*kept, EntryList(digest, merged.num_rows))

    def _merge(self, lists: list[pa.Table]) -> pa.Table:
        """One table of the last entry for each key, ordered by the first."""
        flagged = self.schema.append(pa.field("removed", pa.bool_(), nullable=False))
        table = pa.concat_tables([flagged.empty_table(), *lists])
        place = pa.array(np.arange(table.num_rows))
        grouped = table.select(self.key).append_column("place", place).group_by(list(self.key))
        ends = grouped.aggregate([("place", "min"), ("place", "max")]).sort_by("place_min")
        return table.take(ends["place_max"])

    def _read(self, version: int) -> Manifest:
        path = _manifest_path(version)
        manifest = Manifest.from_bytes(self.objects.get(path), self.objects.name(path))
        if manifest.version != version:
            name = self.objects.name(path)
            raise StoreError(f"{name}: damaged: says that it is version {manifest.version}; {RESTORE}")
        return manifest

    def _read_list(self, digest: str) -> pa.Table:
        name = self.objects.name(list_path(digest))
        try:
            data = self.objects.get(list_path(digest))
        except FileNotFoundError as error:
            raise StoreError(f"{name}: missing; {RESTORE}") from error
        if hashlib.sha256(data).hexdigest() != digest:
            raise StoreError(f"{name}: damaged: its bytes are not those that its name says; {RESTORE}")
        return pq.read_table(pa.BufferReader(data))


def _flagged(table: pa.Table, *, removed: bool) -> pa.Table:
    flags = pa.repeat(pa.scalar(removed), table.num_rows)
    return table.append_column(pa.field("removed", pa.bool_(), nullable=False), flags)


def _manifest_path(version: int) -> str:
    return f"manifests/{version:020d}.json"


def list_path(digest: str) -> str:
    """Where a list lies."""
    return f"lists/{digest}.parquet"
