"""`encore documents`."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.beam_options import beam_options
from cli.options import SnapshotOption, StoreOption


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("documents")(documents)


def documents(
    context: typer.Context,
    store: StoreOption,
    snapshot: SnapshotOption = None,
    out: Annotated[
        str | None,
        typer.Option("--out", metavar="FILE.parquet|FILE.csv", help="Write all of them.", show_default=False),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=0, help="Documents to print.")] = 20,
) -> None:
    """List the stored documents: ids, tokens, truncation, and the corpus columns that were kept.

    Example: encore documents --store features --out documents.parquet
    """
    beam_options(context, taken=False)
    from cli.document_output import prepare_out, print_documents, write_documents  # noqa: PLC0415
    from featurestore.newest import read_store  # noqa: PLC0415

    prepare_out(out)
    index = read_store(store, snapshot, lambda opened: opened.documents())
    table = index.drop_columns(["key_hash", "text_digest"])
    if out is None:
        # Of a pair alone this says anything that n_tokens does not.
        print_documents(table.drop_columns(["n_first_tokens"]), limit)
    else:
        write_documents(table, out)
