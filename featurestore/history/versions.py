"""Numbered versions of a table of entries, published by create-if-absent: the only commit point.

A manifest names the immutable lists that its version consists of. Lists are read in order and a later entry for the
same key replaces an earlier one, so a commit writes only what it changes; lists of like size are merged as they pile
up, so a version of n entries has about log n of them. The store's segments and the files of a predictions folder are
both such tables.
"""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from encore.featurestore.errors import RESTORE, StoreError, UsageError
from encore.featurestore.format import (
    EMPTIED,
    FORMAT_VERSION,
    WRITE_ID,
    is_count,
    is_emptied,
    is_long,
    object_state,
    parse_json,
    read_parquet,
    read_reference,
    require_version,
    seal,
    unseal,
)
from encore.featurestore.storage import REQUESTS_AT_ONCE, Objects

MANIFEST = re.compile(r"manifests/([0-9]{20})\.json")
"""Paths of manifests; other objects beside them are ignored."""
LOOKS = 100
"""Tries to read the newest version: a vacuum may remove it once it has followers."""


@dataclass(frozen=True)
class EntryList:
    """An immutable list: the digest that names it, and how many entries it has."""

    digest: str
    entries: int

    def __post_init__(self) -> None:
        if not is_long(self.digest) or not is_count(self.entries):
            named = f"a list has the name {str(self.digest)[:80]!r} and {str(self.entries)[:80]} entries"
            raise ValueError(f"{named}: expected a sha256 and a number")


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
        counts: totals of the version, for people and for code that reads no list.
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
        if not data:
            raise StoreError(f"{name}: not a manifest: it is empty; if no job is writing it now, {RESTORE}")
        try:
            document: dict[str, Any] = parse_json(data)
            require_version(document["format_version"], name)
            document = unseal(document, data, name)
            del document["format_version"]
            document["lists"] = tuple(EntryList(**entry) for entry in document["lists"])
            manifest = cls(**document)
            manifest._require_sound()
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise StoreError(f"{name}: not a manifest: {error}; {RESTORE}") from error
        return manifest

    def _require_sound(self) -> None:
        """Raise ValueError if a value cannot be one of a manifest."""
        texts = (self.write_id, self.committed_at, self.operation)
        numbers = (self.version, self.parent, *self.counts.values())
        if not all(isinstance(text, str) for text in texts) or not all(map(is_count, numbers)):
            raise ValueError("a text or a number has the wrong type")
        if len({part.digest for part in self.lists}) < len(self.lists):
            raise ValueError("a list comes twice")


def _no_problem(table: pa.Table) -> None:
    """Accept any rows."""
    del table


EMPTY = Manifest(0, 0, "", "", "", ())


@dataclass(frozen=True)
class VersionLog:
    """The versions of one table of entries.

    Attributes:
        objects: where ``manifests/`` and ``lists/`` lie.
        schema: columns of an entry, without the ``removed`` flag that a list adds.
        key: columns that name an entry.
        problem: tells what is wrong with the rows of a list; None if nothing is.
    """

    objects: Objects
    schema: pa.Schema
    key: tuple[str, ...]
    problem: Callable[[pa.Table], str | None] = _no_problem

    def latest(self) -> Manifest:
        """The newest version; `EMPTY` before the first commit."""
        for _ in range(LOOKS):
            # A listing is made of several steps and may miss what is new: an empty folder is looked at twice.
            newest = max(self.published(), default=0) or max(self.published(), default=0)
            found = EMPTY if newest == 0 else self.find(newest)
            if found is not None:
                return found
        raise StoreError(f"{self.objects.name(manifest_path(newest))}: listed but missing; {RESTORE}")

    def at(self, version: int, *, taken: bool = False) -> Manifest:
        """A version by number; raises UsageError where there is none; ``taken`` as in `find`."""
        found = EMPTY if version == 0 else self.find(version, taken=taken)
        if found is None:
            raise UsageError(f"{self.objects.uri}: no snapshot {version}; the newest is {self.latest().version}")
        return found

    def find(self, version: int, *, taken: bool = False) -> Manifest | None:
        """A version by number; None where it is not there, or was removed.

        Args:
            version: its number, from 1.
            taken: also return one that a removal is taking away: if it has a tag, it is put back.
        """
        path = manifest_path(version)
        found = object_state(self.objects, path)
        if found is None or found.content is None or (found.retired and not taken):
            return None
        manifest = Manifest.from_bytes(found.content, self.objects.name(path))
        if manifest.version != version:
            name = self.objects.name(path)
            raise StoreError(f"{name}: damaged: says that it is version {manifest.version}; {RESTORE}")
        return manifest

    def history(self) -> list[Manifest]:
        """Every version that is kept, oldest first."""
        return self.those(self.published())

    def those(self, versions: Iterable[int], *, taken: bool = False) -> list[Manifest]:
        """Versions by number, oldest first; missing ones are left out; ``taken`` as in `find`."""
        with ThreadPoolExecutor(REQUESTS_AT_ONCE) as pool:
            found = pool.map(lambda version: self.find(version, taken=taken), sorted(versions))
            return [manifest for manifest in found if manifest is not None]

    def entries(self, manifest: Manifest) -> pa.Table:
        """The entries of a version, in the order in which their keys first came."""
        with ThreadPoolExecutor(REQUESTS_AT_ONCE) as pool:
            lists = list(pool.map(lambda part: self._read_list(part, manifest), manifest.lists))
        merged = lists[0] if len(lists) == 1 else self._merge(lists)
        return merged.filter(pc.field("removed") == False).drop_columns(["removed"])  # noqa: E712

    def publish(
        self,
        parent: Manifest,
        operation: str,
        counts: Mapping[str, int],
        changed: pa.Table,
        removed: pa.Table | None = None,
        also: Iterable[str] = (),
    ) -> Manifest | None:
        """Try to publish the version after ``parent``.

        Args:
            parent: the version that the change was worked out on.
            operation: what makes the change.
            counts: totals of the new version.
            changed: entries that are new or replace others.
            removed: entries (of the schema) whose keys are gone.
            also: paths of objects that the new entries name and other processes may have written: they are synced
                first.

        Returns:
            The manifest in force under the new number if it is this call's; None where another writer was first.
        """
        change = _flagged(changed.select(self.schema.names).cast(self.schema), removed=False)
        if removed is not None:
            change = pa.concat_tables(
                [change, _flagged(removed.select(self.schema.names).cast(self.schema), removed=True)]
            )
        write_id = uuid.uuid4().hex
        lists = self._with_list(parent, change, write_id) if len(change) else parent.lists
        manifest = Manifest(
            version=parent.version + 1,
            parent=parent.version,
            write_id=write_id,
            committed_at=datetime.now(UTC).isoformat(timespec="seconds"),
            operation=operation,
            lists=lists,
            counts=dict(counts),
        )
        self.objects.barrier(also)
        return manifest if self._create(manifest) else None

    def _create(self, manifest: Manifest) -> bool:
        """Whether this manifest is in force; if the answer to the write was lost, the write id tells.

        A number that was taken is never free again: a writer that was asleep while others committed is too late.
        """
        path = manifest_path(manifest.version)
        try:
            if self.objects.create(path, manifest.to_bytes()):
                return True
        except StoreError:
            if self.objects.size(path) is None:
                raise
            # Raises if the manifest is written but may not survive a power cut.
            self.objects.barrier()
        there = self.find(manifest.version, taken=True)
        return there is not None and there.write_id == manifest.write_id

    def taken(self) -> dict[int, bool]:
        """Every number that is taken → whether only an emptied tombstone has it."""
        found = ((MANIFEST.fullmatch(path), is_emptied(path, size)) for path, size in self.objects.walk("manifests"))
        numbers = {int(match[1]): emptied for match, emptied in found if match}
        newest = max(numbers, default=0)
        if numbers.get(newest):
            # No removal takes the newest manifest. One with the size of an emptied tombstone may be a manifest that was
            # cut short, so its bytes are compared.
            with suppress(FileNotFoundError):
                numbers[newest] = self.objects.get(manifest_path(newest)) == EMPTIED
        return numbers

    def published(self) -> list[int]:
        """Numbers of the manifests that are there, in any order; one that a removal is taking may be among them."""
        return [number for number, emptied in self.taken().items() if not emptied]

    def _with_list(self, parent: Manifest, change: pa.Table, write_id: str) -> tuple[EntryList, ...]:
        """The parent's lists and one more, merged with those before it that are not at least twice as long."""
        kept = list(parent.lists)
        parts = [change]
        while kept and kept[-1].entries <= 2 * sum(part.num_rows for part in parts):
            parts.insert(0, self._read_list(kept.pop(), parent))
        merged = self._merge(parts)
        if not kept:
            merged = merged.filter(pc.field("removed") == False)  # noqa: E712
        sink = pa.BufferOutputStream()
        marked = merged.replace_schema_metadata({WRITE_ID: write_id})
        pq.write_table(marked, sink, compression="zstd", write_page_checksum=True)
        data = sink.getvalue().to_pybytes()
        digest = hashlib.sha256(data).hexdigest()
        self.objects.put(list_path(digest), data)
        return (*kept, EntryList(digest, merged.num_rows))

    def _merge(self, lists: list[pa.Table]) -> pa.Table:
        """One table with the last entry of each key, in the order of their first entries."""
        table = pa.concat_tables([self._flagged_schema.empty_table(), *lists])
        place = pa.array(np.arange(table.num_rows))
        grouped = table.select(self.key).append_column("place", place).group_by(list(self.key))
        ends = grouped.aggregate([("place", "min"), ("place", "max")]).sort_by("place_min")
        return table.take(ends["place_max"])

    def _read_list(self, part: EntryList, manifest: Manifest) -> pa.Table:
        path = list_path(part.digest)
        data = read_reference(self.objects, path, manifest_path(manifest.version))
        return self.parse_list(data, part.digest, self.objects.name(path), part.entries)

    def parse_list(self, data: bytes, digest: str, name: str, entries: int | None = None) -> pa.Table:
        """The rows of a list, the ``removed`` flag among them.

        Args:
            data: its bytes.
            digest: that names it.
            name: of the object, for errors.
            entries: the number of rows that a manifest gives; None if the caller checks it, to tell it apart from
                damage.

        Raises:
            StoreError: the bytes do not match the digest, or are no list of such entries.
        """
        if hashlib.sha256(data).hexdigest() != digest:
            raise StoreError(f"{name}: damaged: its bytes are not those that its name says; {RESTORE}")
        table = read_parquet(data, name, rows=entries)
        flagged = self._flagged_schema
        if table.schema.names != flagged.names or table.schema.types != flagged.types:
            raise StoreError(f"{name}: damaged: has the wrong columns for this kind of list; {RESTORE}")
        nulls = [field.name for field in flagged if not field.nullable and table[field.name].null_count]
        problem = f"nulls in {', '.join(nulls)}" if nulls else self.problem(table)
        if problem is not None:
            raise StoreError(f"{name}: damaged: {problem}; {RESTORE}")
        return table

    @property
    def _flagged_schema(self) -> pa.Schema:
        return self.schema.append(pa.field("removed", pa.bool_(), nullable=False))


def _flagged(table: pa.Table, *, removed: bool) -> pa.Table:
    flags = pa.repeat(pa.scalar(removed), table.num_rows)
    return table.append_column(pa.field("removed", pa.bool_(), nullable=False), flags)


def manifest_path(version: int) -> str:
    """Where the manifest of a version lies."""
    return f"manifests/{version:020d}.json"


def list_path(digest: str) -> str:
    """Where a list lies."""
    return f"lists/{digest}.parquet"
