"""The handle of a store: reading one snapshot, and maintenance of the store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import timedelta
from os import PathLike
from typing import TYPE_CHECKING, Any, Literal, overload

import pyarrow as pa

from encore.api.arguments.tables import ArrowTable, Table, column_of, labels_of
from encore.api.arguments.types import typed
from encore.api.results.report import Report
from encore.featurestore.catalogue import Catalogue
from encore.featurestore.common import several
from encore.featurestore.errors import UsageError
from encore.featurestore.history import add_tag, read_tags, remove_tag, version_log
from encore.featurestore.spec import FeatureSpec
from encore.featurestore.storage import Objects
from encore.featurestore.summary import Summary, SummaryMixin
from encore.tablefiles import PLAIN_TEXT

if TYPE_CHECKING:
    from encore.featurestore.common import Vectors
    from encore.heads.feature_dataset import FeatureDataset

INTERNAL = ("key_hash", "text_digest")
"""Columns of the document index for internal use, which users do not get."""
TARGET_BYTES = 64 << 20
DATASET_MEMORY = 256 << 20
LONGEST_DAYS = 36_500
"""The longest time that `Store.vacuum` takes: dates end."""

DocIds = str | int | Sequence[str] | ArrowTable
"""One id or several: a value, a list or array of texts, or a column or table of a library with Arrow's PyCapsule
protocol. Of a table, the ids are the column ``doc_id``, or the only column."""


class Store(SummaryMixin):
    """A feature store at one snapshot. `encore.open_store` opens one.

    A snapshot never changes. So all reads of a handle are consistent, whatever other jobs do meanwhile.

    `delete`, `compact`, `vacuum` and a job that writes to the handle move it to the newest snapshot. Changes by others,
    such as a nightly run, appear after `refresh`. A handle opened at a number or tag always stays at that snapshot.
    """

    def __init__(self, catalogue: Catalogue, *, fixed: bool = False) -> None:
        """Made by `encore.open_store`, not by a user."""
        self.catalogue = catalogue
        self._fixed = fixed

    @property
    def uri(self) -> str:
        """URI of the store."""
        return self.catalogue.uri

    @property
    def snapshot(self) -> int:
        """Number of the snapshot that the handle shows. 0 is the empty store, before its first commit."""
        return self.catalogue.version

    @property
    def spec(self) -> FeatureSpec:
        """The feature spec: encoder, text handling, layers, positions and quantizer."""
        return self.catalogue.spec

    @property
    def tags(self) -> dict[str, int]:
        """Tag → number of its snapshot, for all tags of the store."""
        return read_tags(self.catalogue.objects)

    def __len__(self) -> int:
        """Number of documents."""
        return len(self.catalogue)

    def __bool__(self) -> bool:
        """Always True, even for an empty store."""
        return True

    def __contains__(self, doc_id: str) -> bool:
        """Whether a document is stored."""
        return bool(self.catalogue.contains([doc_id])[0])

    def refresh(self) -> Store:
        """Move to the newest snapshot, and return the handle. A handle opened at a number or tag does not move."""
        if not self._fixed:
            self.catalogue = Catalogue.open(self.uri)
        return self

    def documents(self, columns: str | Sequence[str] | None = None) -> pa.Table:
        """The documents, one row each: id, number of tokens, whether the text was truncated, and the kept columns.

        Args:
            columns: names of columns. If None, all.

        Returns:
            An Arrow table, in the order of the snapshot. ``.to_pandas()`` makes a data frame of it.

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
        """Features of documents as floats, in the order of ``doc_ids``. An id may come twice.

        Args:
            doc_ids: ids of stored documents. Of a table, they are the column ``doc_id``, or the only column.
            pooled: ``mean`` or ``cls`` gives one vector a document: the mean of the stored tokens, or the first one.

        Returns:
            A list with a float32 array (tokens, d) for each document; (1, d) if the store keeps one vector a document.
            With ``pooled``, one array (documents, d). For a ``stack:m`` store the shapes are (tokens, m, d) and
            (documents, m, d).

        Raises:
            DataError: some ids are not stored. It gives their number and the first of them.
            UsageError: the store does not hold what ``pooled`` needs, or a table has several columns and none is
                ``doc_id``.
        """
        from encore.api.vectors import document_vectors, pooled_vectors  # noqa: PLC0415 (torch comes with it)

        block = self.catalogue.gather(column_of(doc_ids))
        return document_vectors(block, self.spec) if pooled is None else pooled_vectors(block, self.spec, pooled)

    @typed
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
        """Features of labelled documents as a torch ``Dataset``, for your own model.

        An item is (features, class): float32 features (tokens, d), or (d,) with ``pooled``, and the position of the
        label in the dataset's ``classes``. Features are read when an item is accessed.

        Args:
            labels: ids and labels: a file, or a table in memory. Documents that are not stored are left out, and are in
                the dataset's ``missing``.
            id_column: column of the document ids.
            label_column: column of the labels.
            pooled: ``mean`` for the mean over a document's tokens.
            classes: the order of the classes. If None, that of the labels. For a test set, give the training set's.
            memory: the most bytes of packed features that each process keeps in memory after reading; 0 for none.

        Raises:
            UsageError: no such file, column or pooling.
            DataError: none of the documents is stored, or a label is not among ``classes``.
        """
        from encore.heads.feature_dataset import FeatureDataset  # noqa: PLC0415 (torch comes with it)

        given = labels_of(labels, id_column, label_column, PLAIN_TEXT, "labels")
        return FeatureDataset(self.catalogue, given, pooled=pooled, classes=classes, memory=memory)

    def snapshots(self) -> pa.Table:
        """The kept snapshots, oldest first.

        Returns:
            One row each: ``snapshot``, ``committed_at`` (UTC, ISO 8601), ``operation``, ``documents``, ``segments``,
            and ``tags``, a list.
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

    @typed
    def runs(self, *, limit: int = 20) -> pa.Table:
        """The jobs that are at work on the store and those that have ended, newest first.

        Args:
            limit: maximum number of runs.

        Returns:
            One row each: ``run``, ``job``, ``state`` (``at work``; ``silent``, with nothing written for 90 seconds;
            ``ended``), ``started_at`` (UTC), ``units`` that are finished, ``workers`` that are alive, ``seconds`` since
            the last sign of life, or that it took, ``exit_code`` and ``report``.
        """
        from encore.pipelines.runs import list_runs  # noqa: PLC0415 (it takes Beam, and seconds)

        rows = [found.to_dict() for found in list_runs(self.catalogue.objects, limit)]
        numbers = dict.fromkeys(("units", "workers"), pa.int64())
        types = dict.fromkeys(("run", "job", "state", "started_at"), pa.string()) | numbers
        schema = pa.schema({**types, "seconds": pa.float64(), "exit_code": pa.int64(), "report": pa.string()})
        return pa.Table.from_pylist([row | {"workers": len(row["workers"])} for row in rows], schema=schema)

    @typed
    def tag(self, name: str, *, snapshot: int | str | None = None, remove: bool = False) -> None:
        """Give a snapshot a name. Every ``snapshot=`` takes the name or the number. Vacuum keeps tagged snapshots.

        Args:
            name: letters, digits, ``.``, ``_`` and ``-``; not only digits.
            snapshot: number or tag of the snapshot to name. If None, the one that the handle shows.
            remove: remove the tag. Its snapshot stays.

        Raises:
            UsageError: the name is invalid, or is another snapshot's; or no such snapshot or tag.
        """
        objects = self.catalogue.objects
        if remove:
            remove_tag(objects, name)
        else:
            add_tag(objects, name, self.snapshot if snapshot is None else Catalogue.open(self.uri, snapshot).version)

    @typed
    def delete(self, ids: DocIds, *, block: bool = False, strict: bool = False) -> Report:
        """Delete documents from the newest snapshot.

        Older snapshots still hold them, and their bytes stay. `vacuum` with ``forget`` removes every byte of them.

        Args:
            ids: ids of the documents. An id that comes twice counts once. Of a table, they are the column ``doc_id``,
                or the only column.
            block: put a salted hash of each id on the block list, so that encode skips the document in future.
            strict: change nothing if an id is not stored.

        Returns:
            A report with ``deleted``, ``not_stored``, ``not_stored_ids``, ``blocked`` and the new ``snapshot``.

        Raises:
            UsageError: a table has several columns, and none is ``doc_id``.
            DataError: an id is null; or, with ``strict``, an id is not stored.
            CommitConflict: other writers were first too many times in a row.
        """
        from encore.featurestore.rewriting import delete  # noqa: PLC0415 (reading takes none of it)

        done = delete(Catalogue.open(self.uri), column_of(ids), block=block, strict=strict)
        self.refresh()
        return Report("delete", done.to_dict())

    @typed
    def compact(self, *, target_bytes: int = TARGET_BYTES, dry_run: bool = False) -> Report:
        """Merge small segments, and rewrite segments with deleted documents without these. No feature changes.

        Args:
            target_bytes: bytes of features of a merged segment, before lossless codecs. One segment is in memory.
            dry_run: change nothing, and report what would be done.

        Returns:
            A report with ``segments`` before and after, and what was copied.

        Raises:
            CommitConflict: at every attempt, other writers had changed all segments that were copied.
        """
        from encore.featurestore.rewriting import compact  # noqa: PLC0415 (reading takes none of it)

        done = compact(self.catalogue, target_bytes=target_bytes, dry_run=dry_run)
        self.refresh()
        return Report("compact", {"store": self.uri, "dry_run": dry_run, **done.to_dict()})

    @typed
    def vacuum(
        self,
        *,
        keep_snapshots: int = 1,
        keep_days: float = 0,
        older_than: float = 168,
        forget: bool = False,
        predictions: str | PathLike[str] | Sequence[str | PathLike[str]] = (),
        dry_run: bool = False,
    ) -> Report:
        """Remove old snapshots and every object that no snapshot needs any more. Tagged snapshots stay.

        Args:
            keep_snapshots: number of the newest snapshots that stay.
            keep_days: snapshots also stay that were the newest within so many days.
            older_than: hours. Nothing younger is removed. It must be longer than the longest job runs.
            forget: leave no byte of a document, or of an old text of one, that the newest snapshot does not hold.
            predictions: folders of predictions for the store, which are vacuumed too.
            dry_run: change nothing, and report what would be removed.

        Returns:
            A report with ``kept_snapshots`` and ``removed``. With ``forget``, ``complete`` says whether all is
            forgotten. If not, ``held_by_tags`` and ``at_work`` say why.

        Raises:
            UsageError: a folder holds another store's predictions, or ``forget`` is to keep older snapshots.
            CommitConflict: other writers were first too many times in a row.
        """
        from encore.featurestore.removal import vacuum  # noqa: PLC0415 (reading takes none of it)
        from encore.pipelines.predictions import PredictionsFolder  # noqa: PLC0415 (reading takes none of it)
        from encore.pipelines.removal import forget as forget_deleted  # noqa: PLC0415
        from encore.pipelines.removal import vacuum_folder  # noqa: PLC0415

        if forget and (keep_snapshots != 1 or keep_days):
            raise UsageError(
                "vacuum: with forget, only the newest snapshot and tagged ones stay; leave out keep_snapshots and "
                "keep_days, and tag what is to stay"
            )
        for name, days in (("older_than", older_than / 24), ("keep_days", keep_days)):
            if not 0 <= days <= LONGEST_DAYS:
                raise UsageError(f"vacuum: {name}: expected 0 or more, and at most {LONGEST_DAYS:,} days")
        limit, objects = timedelta(hours=older_than), self.catalogue.objects
        folders = [PredictionsFolder.open(uri) for uri in several(predictions, "predictions", "str")]
        if forget:
            found = forget_deleted(Catalogue.open(self.uri), folders, age_limit=limit, dry_run=dry_run).to_dict()
        else:
            for folder in folders:
                folder.require_store(self.catalogue)
            done = vacuum(objects, keep_snapshots=keep_snapshots, keep_days=keep_days, age_limit=limit, dry_run=dry_run)
            swept = [vacuum_folder(folder, age_limit=limit, dry_run=dry_run).to_dict() for folder in folders]
            found = {**done.to_dict(), "predictions": swept}
        self.refresh()
        return Report("vacuum", {"store": self.uri, "dry_run": dry_run, **found})

    @typed
    def verify(self, *, snapshot: int | str | None = None, deep: bool = False) -> Report:
        """Check that all objects of the store exist, are as they were written, and are consistent.

        Args:
            snapshot: number or tag of the snapshot to check. If None, all kept snapshots.
            deep: read every object in full, compare its checksum, and decode every chunk. Without it, only the size of
                features is checked.

        Returns:
            A report of what was checked. Its ``findings`` is a list of problems; empty without any.

        Raises:
            UsageError: no such snapshot.
        """
        from encore.featurestore.verification import verify  # noqa: PLC0415 (reading takes none of it)

        return Report("verify", asdict(verify(Objects.open(self.uri), snapshot, deep=deep)))

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
"""A handle of a store, or its URI."""


@typed
def open_store(store: StoreOrUri, *, snapshot: int | str | None = None) -> Store:
    """Open a store to read.

    Args:
        store: a folder, or an ``s3://``, ``gs://`` or ``az://`` URL.
        snapshot: number or tag of a snapshot; the handle then stays there. If None, the newest.

    Raises:
        UsageError: there is no store, or no such snapshot or tag.
        StoreError: the store's own documents are missing, damaged, or of a newer format.
    """
    return Store(Catalogue.open(uri_of(store), snapshot), fixed=snapshot is not None)


def uri_of(store: StoreOrUri) -> str:
    """The URI of a store, given as a handle or as a URI."""
    return store.uri if isinstance(store, Store) else several(store, "store", "str")[0]


def snapshot_of(store: StoreOrUri, snapshot: int | str | None) -> int | str | None:
    """The snapshot that a job should read: the given one, else the one that a handle shows, else None."""
    return store.snapshot if snapshot is None and isinstance(store, Store) else snapshot


def written(store: StoreOrUri) -> None:
    """Refresh a handle after a job has written to its store. For a URI nothing is done."""
    if isinstance(store, Store):
        store.refresh()
