"""The handle of a store: one snapshot to read, and the upkeep of the store behind it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from os import PathLike
from typing import TYPE_CHECKING, Any, Literal, overload

import pyarrow as pa

from encore.api.report import Report
from encore.api.tables import ArrowTable, Table, column_of, labels_of
from encore.featurestore.common import several
from encore.featurestore.history import add_tag, remove_tag, version_log
from encore.featurestore.history.tags import tags
from encore.featurestore.spec import FeatureSpec
from encore.featurestore.store import Store as Catalogue
from encore.featurestore.summary import Summary
from encore.tablefiles import PLAIN_TEXT

if TYPE_CHECKING:
    from encore.api.vectors import Vectors
    from encore.heads.feature_dataset import FeatureDataset

INTERNAL = ("key_hash", "text_digest")
"""Columns of the document index that are for the store itself."""
TARGET_BYTES = 64 << 20
DATASET_MEMORY = 256 << 20

DocIds = str | int | Sequence[str] | ArrowTable
"""One id or several: texts, a list or array of them, or a column of any library that speaks Arrow."""


class Store:
    """A feature store, as one of its snapshots has it; `encore.open_store` opens one.

    A snapshot never changes, so what is read here agrees with itself whatever others do meanwhile. What is done through
    the handle moves it to the newest snapshot: `delete`, `compact`, and a job that is given the handle to write to.
    What comes otherwise, such as the documents of a nightly run, it shows after `refresh`. A handle that was opened at
    a snapshot by its number or tag stays there for good.
    """

    def __init__(self, catalogue: Catalogue, *, fixed: bool = False) -> None:
        """A handle is made by `encore.open_store`."""
        self.catalogue = catalogue
        self._fixed = fixed

    @property
    def uri(self) -> str:
        """Where the store lies."""
        return self.catalogue.uri

    @property
    def snapshot(self) -> int:
        """Number of the snapshot that is shown; 0 is the empty store, before anything was encoded."""
        return self.catalogue.version

    @property
    def spec(self) -> FeatureSpec:
        """What the features are: encoder, text handling, layers, positions and quantizer."""
        return self.catalogue.spec

    @property
    def tags(self) -> dict[str, int]:
        """Every tag of the store and the number of its snapshot."""
        return tags(self.catalogue.objects)

    def __len__(self) -> int:
        """Number of documents."""
        return len(self.catalogue)

    def __bool__(self) -> bool:
        """A store is a store, empty or not."""
        return True

    def __contains__(self, doc_id: str) -> bool:
        """Whether a document is stored."""
        return bool(self.catalogue.contains([doc_id])[0])

    def __repr__(self) -> str:
        return self._summary().line()

    def _repr_html_(self) -> str:
        return self._summary().html()

    def refresh(self) -> Store:
        """Show the newest snapshot, and return the handle; one that was opened at a snapshot stays there."""
        if not self._fixed:
            self.catalogue = Catalogue.open(self.uri)
        return self

    def documents(self, columns: str | Sequence[str] | None = None) -> pa.Table:
        """The documents, a row each: id, tokens, whether the text was cut, and the corpus columns that were kept.

        Args:
            columns: names of columns; all of them unless given.

        Returns:
            An Arrow table, in the order of the snapshot; ``.to_pandas()`` makes a data frame of it.

        Raises:
            UsageError: no such column.
        """
        if columns is not None:
            return self.catalogue.documents(columns)
        return self.catalogue.documents().drop_columns(list(INTERNAL))

    @overload
    def vectors(self, doc_ids: DocIds) -> list[Vectors]: ...

    @overload
    def vectors(self, doc_ids: DocIds, *, pooled: Literal["mean", "cls"]) -> Vectors: ...

    def vectors(self, doc_ids: DocIds, *, pooled: Literal["mean", "cls"] | None = None) -> list[Vectors] | Vectors:
        """Features of documents as floats, in the order asked for; an id may come twice.

        Args:
            doc_ids: ids of stored documents.
            pooled: ``mean`` or ``cls`` gives one vector a document, of the stored tokens' mean or the first of them.

        Returns:
            A float32 array (tokens, d) for each document, (1, d) where a store keeps one vector a document. With
            ``pooled`` one array (documents, d). Of a ``stack:m`` store there are m vectors where there else is one:
            (tokens, m, d) and (documents, m, d).

        Raises:
            DataError: ids that are not stored: how many, and the first of them.
            UsageError: the store does not hold what ``pooled`` asks for.
        """
        from encore.api.vectors import document_vectors, pooled_vectors  # noqa: PLC0415 (torch comes with it)

        block = self.catalogue.gather(column_of(doc_ids))
        return document_vectors(block, self.spec) if pooled is None else pooled_vectors(block, self.spec, pooled)

    def torch_dataset(
        self,
        labels: Table,
        *,
        id_column: str = "doc_id",
        label_column: str = "label",
        pooled: Literal["mean"] | None = None,
        classes: Sequence[str] | None = None,
        memory: int = DATASET_MEMORY,
    ) -> FeatureDataset:
        """Features of labelled documents as a torch ``Dataset``, for a model of one's own.

        An item is (features, class): float32 features (tokens, d), or (d,) with ``pooled``, and the position of the
        label in the dataset's ``classes``. Features are read when they are asked for.

        Args:
            labels: ids and labels: a file, or a table in memory. Documents that are not stored are left out; the
                dataset's ``missing`` has them.
            id_column: column of the document ids.
            label_column: column of the labels.
            pooled: ``mean`` for the mean over a document's tokens.
            classes: their order; that of the labels unless given. Give what one was trained on to measure on another.
            memory: bytes of packed features that each process keeps once it has read them; 0 for none.

        Raises:
            UsageError: no such file, column or pooling.
            DataError: none of the documents is stored, or a label is not among ``classes``.
        """
        from encore.heads.feature_dataset import FeatureDataset  # noqa: PLC0415 (torch comes with it)

        given = labels_of(labels, id_column, label_column, PLAIN_TEXT, "labels")
        return FeatureDataset(self.catalogue, given, pooled=pooled, classes=classes, memory=memory)

    def snapshots(self) -> pa.Table:
        """The snapshots that are kept, oldest first.

        Returns:
            A row each: ``snapshot``, ``committed_at`` (UTC, ISO 8601), ``operation``, ``documents``, ``segments``, and
            ``tags``, a list.
        """
        named: dict[int, list[str]] = {}
        for name, number in self.tags.items():
            named.setdefault(number, []).append(name)
        rows = [
            {
                "snapshot": found.version,
                "committed_at": found.committed_at,
                "operation": found.operation,
                "documents": found.counts["documents"],
                "segments": found.counts["segments"],
                "tags": named.get(found.version, []),
            }
            for found in version_log(self.catalogue.objects).history()
        ]
        counts = dict.fromkeys(("snapshot", "documents", "segments"), pa.int64())
        types = {"snapshot": pa.int64(), "committed_at": pa.string(), "operation": pa.string()} | counts
        return pa.Table.from_pylist(rows, schema=pa.schema({**types, "tags": pa.list_(pa.string())}))

    def tag(self, name: str, *, snapshot: int | str | None = None, remove: bool = False) -> None:
        """Name a snapshot: ``snapshot=`` takes the name wherever it takes a number, and vacuum keeps what is tagged.

        Args:
            name: letters, digits, ``.``, ``_`` and ``-``; not a number alone.
            snapshot: the one to name; the one that is shown unless given.
            remove: take the tag away; its snapshot stays.

        Raises:
            UsageError: no name for a tag, another snapshot's name, or no such snapshot or tag.
        """
        objects = self.catalogue.objects
        if remove:
            remove_tag(objects, name)
        else:
            add_tag(objects, name, self.snapshot if snapshot is None else Catalogue.open(self.uri, snapshot).version)

    def delete(self, ids: DocIds, *, block: bool = False, strict: bool = False) -> Report:
        """Delete documents from the newest snapshot.

        Older snapshots still hold them, and their bytes stay; ``encore vacuum --forget`` leaves nothing of them.

        Args:
            ids: of the documents; one that comes twice counts once.
            block: keep a salted hash of each id, so that encode skips it and it never comes back.
            strict: change nothing where an id is not stored.

        Returns:
            ``deleted``, ``not_stored``, ``not_stored_ids``, ``blocked`` and the ``snapshot`` after it.

        Raises:
            DataError: an id is null; or, under ``strict``, an id is not stored.
            CommitConflict: other writers were first too many times in a row.
        """
        from encore.featurestore.rewriting.deletion import delete  # noqa: PLC0415 (reading takes none of it)

        done = delete(Catalogue.open(self.uri), column_of(ids), block=block, strict=strict)
        self.refresh()
        return Report("delete", done.to_dict())

    def compact(self, *, target_bytes: int = TARGET_BYTES, dry_run: bool = False) -> Report:
        """Merge small segments, and write those with deleted documents anew without them; no feature changes.

        Args:
            target_bytes: features of a merged segment, before lossless codecs; one is held in memory.
            dry_run: only say what would be done.

        Returns:
            ``segments`` before and after, and what was copied.

        Raises:
            CommitConflict: others changed all that was copied, every time.
        """
        from encore.featurestore.rewriting import compact  # noqa: PLC0415 (reading takes none of it)

        done = compact(self.catalogue, target_bytes=target_bytes, dry_run=dry_run)
        self.refresh()
        return Report("compact", {"store": self.uri, "dry_run": dry_run, **done.to_dict()})

    def verify(self, *, snapshot: int | str | None = None, deep: bool = False) -> Report:
        """Check that everything the store needs is there, is what was written, and agrees with itself.

        Args:
            snapshot: number or tag of the one to check; every one that is kept unless given.
            deep: read every object in full, compare its checksum, and decode every chunk; without it, features are
                checked by their size alone.

        Returns:
            What was looked at, and ``findings``, a list that is empty where nothing is wrong.

        Raises:
            UsageError: no such snapshot.
        """
        from encore.featurestore.verification.store import verify  # noqa: PLC0415 (reading takes none of it)

        return Report("verify", asdict(verify(self.uri, snapshot, deep=deep)))

    def _summary(self) -> Summary:
        spec, counts = self.spec, self.catalogue.manifest.counts
        documents = counts.get("documents", 0)
        rows: list[tuple[str, Any]] = [
            ("store", self.uri),
            ("snapshot", f"{self.snapshot}" + (" (fixed)" if self._fixed else "")),
            ("documents", f"{documents:,}"),
            ("encoder", spec.encoder.name),
            ("layers", spec.layers),
            ("positions", spec.positions),
            ("quantizer", spec.quantizer.request),
            ("vector", f"{spec.width:,} numbers in {spec.row_bytes:,} bytes"),
            ("segments", f"{counts.get('segments', 0):,}"),
        ]
        name = f"{self.uri.rstrip('/').rpartition('/')[2]}@{self.snapshot}"
        features = f"{spec.layers} · {spec.positions} · {spec.quantizer.request}"
        return Summary("Store", name, (f"{documents:,} documents", features), rows)


StoreOrUri = Store | str | PathLike[str]
"""A handle, or where a store lies."""


def open_store(store: StoreOrUri, *, snapshot: int | str | None = None) -> Store:
    """Open a store to read.

    Args:
        store: a folder, or an ``s3://``, ``gs://`` or ``az://`` URL.
        snapshot: number or tag of a snapshot, at which the handle then stays; the newest unless given.

    Raises:
        UsageError: there is no store, or no such snapshot or tag.
        StoreError: what the store says of itself is damaged, gone, or of a newer format.
    """
    return Store(Catalogue.open(uri_of(store), snapshot), fixed=snapshot is not None)


def uri_of(store: StoreOrUri) -> str:
    """Where a store lies that is given as a handle or by its URI."""
    return store.uri if isinstance(store, Store) else several(store, "store")[0]


def snapshot_of(store: StoreOrUri, snapshot: int | str | None) -> int | str | None:
    """The snapshot that a job is to read: the one asked for, or else the one that a handle shows."""
    return store.snapshot if snapshot is None and isinstance(store, Store) else snapshot


def written(store: StoreOrUri) -> None:
    """A job has written to a store: a handle that it was given shows what came of it."""
    if isinstance(store, Store):
        store.refresh()
