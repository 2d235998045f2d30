"""Exporting predictions: a row for each stored document, in the snapshot's order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from encore.featurestore import Catalogue, UsageError
from encore.featurestore.common import settle_fields
from encore.featurestore.history import Manifest
from encore.featurestore.storage import check_file, new_file
from encore.featurestore.store_reading import read_store
from encore.pipelines.export.exporter import Exporter
from encore.pipelines.export.head_columns import DOC_ID, HeadColumns, chosen, prefixes, schema_of
from encore.pipelines.export.row_groups import RowGroups
from encore.pipelines.head_registry import read_copy
from encore.pipelines.predictions import PredictionFile, PredictionsFolder

EXPORT_ENDING = ".parquet"


@dataclass(frozen=True)
class ExportRequest:
    """The request of `export`.

    Attributes:
        predictions: URI of the predictions folder.
        store: URI of the store that was scored.
        out: the Parquet file, on a disk or in object storage.
        heads: ``task@digest`` or the task of each head; all heads with predictions unless given.
        columns: kept columns; None takes all.
        snapshot: number or tag of the snapshot whose documents are exported; None takes the newest.
    """

    predictions: str
    store: str
    out: str
    heads: tuple[str, ...] = ()
    columns: tuple[str, ...] | None = None
    snapshot: int | str | None = None

    def __post_init__(self) -> None:
        settle_fields(self)


@dataclass(frozen=True)
class HeadExport:
    """The summary of one exported head.

    Attributes:
        head: its full name, ``task@digest``.
        columns: names of its columns in the file.
        predicted: documents with a prediction.
        without: documents without a prediction yet; the head's columns are null for them.
        left_out: predictions for documents that the snapshot does not hold, or that were stored anew since then
            (another text, other kept columns).
    """

    head: str
    columns: tuple[str, ...]
    predicted: int
    without: int
    left_out: int


@dataclass(frozen=True)
class ExportSummary:
    """The summary of an export.

    Attributes:
        store: URI of the exported store.
        snapshot: the exported snapshot.
        documents: rows of the file.
        columns: ``doc_id`` and the kept columns.
        heads: the summary of each head.
    """

    store: str
    snapshot: int
    documents: int
    columns: tuple[str, ...]
    heads: tuple[HeadExport, ...]


def export(request: ExportRequest, progress: Callable[[int, int], None] | None = None) -> ExportSummary:
    """Write one Parquet file of all documents of a snapshot: id, kept columns, and what each head predicted.

    Rows come in the snapshot's order, which is that of `Catalogue.documents`. Label, score and probabilities of a head
    are null for a document that it has not scored; predictions for documents that are not in the snapshot are left out.
    The file is written whole or not at all. Only some segments are in memory at a time.

    Args:
        request: what to export.
        progress: called with the number of segments done, and the number of all.

    Raises:
        UsageError: no such store, folder, head or column; the predictions are another store's; or ``out`` cannot be
            written.
        StoreError: something stored is missing or damaged, or the file cannot be written.
    """
    if not request.out.endswith(EXPORT_ENDING):
        raise UsageError(f"{request.out}: expected a name that ends in {EXPORT_ENDING}")
    check_file(request.out, "out")
    predictions = PredictionsFolder.open(request.predictions)

    def write(store: Catalogue) -> ExportSummary:
        predictions.require_store(store)
        return predictions.read_newest(lambda manifest: _write(store, predictions, manifest, request, progress))

    return read_store(request.store, request.snapshot, write)


def _write(
    store: Catalogue,
    predictions: PredictionsFolder,
    manifest: Manifest,
    request: ExportRequest,
    progress: Callable[[int, int], None] | None,
) -> ExportSummary:
    listed = predictions.files(manifest)
    heads = _head_columns(predictions, listed, request.heads)
    kept = chosen(store.kept_columns(), request.columns)
    schema = schema_of(kept, heads)
    segments = sum(1 for entry in store.entries if entry.live)
    predicted: Counter[str] = Counter()
    about = {
        "store_id": store.store_id,
        "snapshot": store.version,
        "predictions": manifest.version,
        "heads": {head.prefix: head.head for head in heads},
    }
    with new_file(request.out) as file, RowGroups(file, schema, heads, about) as groups:
        exporter = Exporter(store, predictions, listed, pa.schema([DOC_ID, *kept]), heads)
        for done, (table, counts) in enumerate(exporter.tables(), 1):
            groups.add(table)
            predicted.update(counts)
            if progress is not None:
                progress(done, segments)
    rows = Counter({head.head: 0 for head in heads})
    for row in listed:
        rows[row.head] += row.documents
    return ExportSummary(
        store=store.uri,
        snapshot=store.version,
        documents=len(store),
        columns=(DOC_ID.name, *kept.names),
        heads=tuple(_counted(head, predicted, rows, len(store)) for head in heads),
    )


def _head_columns(
    predictions: PredictionsFolder, listed: Sequence[PredictionFile], asked: Sequence[str]
) -> list[HeadColumns]:
    """The columns of the heads to export, ordered by name; with classes where the folder has all probabilities."""
    there = sorted({file.head for file in listed})
    names = sorted({predictions.match(head, there) for head in asked}) if asked else there
    if not names:
        predictions.match(None, there)
    called = prefixes(names)
    with_classes = predictions.probabilities
    return [
        HeadColumns(name, called[name], read_copy(predictions.objects, name).classes if with_classes else None)
        for name in names
    ]


def _counted(head: HeadColumns, predicted: Mapping[str, int], rows: Mapping[str, int], documents: int) -> HeadExport:
    count = predicted[head.head]
    columns = tuple(field.name for field in head.fields)
    return HeadExport(head.head, columns, count, documents - count, rows[head.head] - count)
