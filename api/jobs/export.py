"""`encore.export`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from os import PathLike

from encore.api.arguments.progress import display_of
from encore.api.arguments.types import typed
from encore.api.results.predictions import Predictions
from encore.api.results.report import Report
from encore.api.store import StoreOrUri, snapshot_of, uri_of
from encore.featurestore.common import several
from encore.heads.artefact import Head
from encore.pipelines.export import ExportRequest
from encore.pipelines.export import export as run_export
from encore.pipelines.predictions import head_name
from encore.pipelines.progress import Steps


@typed
def export(
    predictions: Predictions | str | PathLike[str],
    *,
    store: StoreOrUri,
    out: str | PathLike[str],
    heads: str | Head | Sequence[str | Head] = (),
    columns: str | Sequence[str] | None = None,
    snapshot: int | str | None = None,
    progress: bool | None = None,
) -> Report:
    """Write one Parquet file of all documents with their kept columns, and each head's label, score and probabilities.

    There is a row for each document of the snapshot, in its order. A document that a head has not scored yet has null.

    Args:
        predictions: the result of `encore.backfill`, or its folder.
        store: the store that was scored: a handle, at the snapshot that it shows, or a URI.
        out: the file, on a disk or in object storage. Its name ends in ``.parquet``.
        heads: the heads to export, as tasks, ``task@digest`` or `Head` objects. If empty, all.
        columns: kept columns to export. If None, all; ``()`` for none.
        snapshot: number or tag of the snapshot. If None, the one that a handle shows, or the newest.
        progress: None shows a bar in a notebook and on a terminal; True writes lines elsewhere; False shows nothing.

    Returns:
        A summary of the file, and for each head the documents without a prediction.

    Raises:
        UsageError: no such store, folder, head or column; the predictions are another store's; or ``out`` cannot be
            written.
        StoreError: something stored is missing or damaged.
    """
    file = several(out, "out", "str")[0]
    request = ExportRequest(
        predictions=predictions.uri if isinstance(predictions, Predictions) else several(predictions, "predictions")[0],
        store=uri_of(store),
        out=file,
        heads=tuple(head_name(it) if isinstance(it, Head) else it for it in several(heads, "heads")),
        columns=None if columns is None else several(columns, "columns"),
        snapshot=snapshot_of(store, snapshot),
    )
    with Steps(display_of(progress)) as steps:
        done = run_export(request, lambda count, of: steps.show("export", count, of, "segment"))
    return Report("export", {"out": file, **asdict(done)})
