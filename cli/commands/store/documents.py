"""`encore documents`."""

from __future__ import annotations

from typing import Annotated

import typer

from encore.cli.options.beam import beam_options
from encore.cli.options.common import JsonOption, SnapshotOption, StoreOption


def documents(
    context: typer.Context,
    store: StoreOption,
    snapshot: SnapshotOption = None,
    out: Annotated[
        str | None,
        typer.Option(
            "--out", metavar="FILE", help="Write all of them, as its ending says: .parquet or .csv.", show_default=False
        ),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=0, help="Documents to print.")] = 20,
    as_json: JsonOption = False,
) -> None:
    """List the stored documents: ids, tokens, truncation, and the corpus columns that were kept.

    Example: encore documents --store features --out documents.parquet
    """
    beam_options(context, runs_job=False)
    from encore.cli.printing.documents import documents_json, prepare_out, print_documents, write_documents  # noqa: PLC0415
    from encore.cli.printing.tables import print_json  # noqa: PLC0415
    from encore.featurestore.store_reading import read_store  # noqa: PLC0415

    prepare_out(out)
    index, found = read_store(
        store, snapshot, lambda opened: (opened.documents(), {"store": opened.uri, "snapshot": opened.version})
    )
    table = index.drop_columns(["key_hash", "text_digest"])
    if out is not None:
        write_documents(table, out)
    if as_json:
        listed = {"listed": documents_json(table, limit)} if out is None else {"out": out}
        print_json({**found, "documents": table.num_rows, **listed})
    elif out is None:
        # Only for pairs this differs from n_tokens.
        print_documents(table.drop_columns(["n_first_tokens"]), limit)
