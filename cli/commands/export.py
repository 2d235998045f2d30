"""`encore export`."""

from __future__ import annotations

from typing import Annotated

import typer

from encore.cli.options.beam import beam_options
from encore.cli.options.common import JsonOption, SnapshotOption, StoreOption, comma_list
from encore.cli.options.sync import no_sync_option


@no_sync_option
def export(
    context: typer.Context,
    predictions: Annotated[str, typer.Argument(metavar="PREDICTIONS", help="A folder that backfill wrote.")],
    store: StoreOption,
    out: Annotated[
        str, typer.Option("--out", metavar="FILE.parquet", help="The file, on a disk or in object storage.")
    ],
    head: Annotated[
        list[str] | None,
        typer.Option(
            "--head",
            metavar="TASK",
            help="Whose predictions, as the task or task@digest; all unless given. May be repeated.",
            show_default=False,
        ),
    ] = None,
    columns: Annotated[
        str | None,
        typer.Option(
            "--columns", metavar="A,B", help="Kept corpus columns; all unless given, '' for none.", show_default=False
        ),
    ] = None,
    snapshot: SnapshotOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write one Parquet file of all documents with their kept columns, and each head's label, score and probabilities.

    A row for each document of the snapshot, in its order; what a head has not scored yet is null. Probabilities, which
    backfill keeps with --probabilities, are named by their classes.

    Example: encore export predictions --store features --out topics.parquet
    """
    beam_options(context, runs_job=False)
    from encore.cli.printing.export import print_export  # noqa: PLC0415
    from encore.cli.printing.progress import segment_progress  # noqa: PLC0415
    from encore.pipelines.export import ExportRequest  # noqa: PLC0415
    from encore.pipelines.export import export as run_export  # noqa: PLC0415

    kept = None if columns is None else comma_list(columns)
    request = ExportRequest(predictions, store, out, tuple(head or ()), kept, snapshot)
    with segment_progress("export") as progress:
        done = run_export(request, progress)
    print_export(done, out, as_json=as_json)
