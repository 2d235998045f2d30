"""`encore delete`."""

from __future__ import annotations

from typing import Annotated

import typer

from encore.cli.options.beam import beam_options
from encore.cli.options.common import (
    CsvDelimiterOption,
    CsvEscapeOption,
    EncodingOption,
    IdColumnOption,
    JsonOption,
    StoreOption,
)
from encore.cli.options.sync import no_sync_option


@no_sync_option
def delete(
    context: typer.Context,
    store: StoreOption,
    ids: Annotated[
        list[str] | None, typer.Argument(metavar="ID", help="Ids of the documents.", show_default=False)
    ] = None,
    ids_file: Annotated[
        str | None,
        typer.Option(
            "--ids-file",
            metavar="FILE",
            help="Ids from a file: .txt with one a line, or a column of Parquet, Arrow, JSON or CSV.",
            show_default=False,
        ),
    ] = None,
    id_column: IdColumnOption = "doc_id",
    encoding: EncodingOption = "utf-8",
    csv_delimiter: CsvDelimiterOption = None,
    csv_escape: CsvEscapeOption = None,
    block: Annotated[
        bool,
        typer.Option("--block", help="Keep a salted hash of each id, so that encode skips it and it never comes back."),
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Change nothing and exit 1 where an id is not stored.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Delete documents from the newest snapshot; those that are not stored are listed.

    Older snapshots still hold them, and their bytes stay; encore vacuum --forget leaves nothing of them.

    Example: encore delete --store features review-17 review-23 --block
    """
    beam_options(context, runs_job=False)
    from encore.cli.printing.tables import print_json, print_pairs  # noqa: PLC0415
    from encore.featurestore import Catalogue, UsageError  # noqa: PLC0415
    from encore.featurestore.rewriting import deletion  # noqa: PLC0415

    named = list(ids or ())
    if ids_file is not None:
        from encore.cli.id_files import read_ids  # noqa: PLC0415
        from encore.tablefiles import TextOptions  # noqa: PLC0415

        text = TextOptions(encoding, csv_delimiter, csv_escape)
        named += read_ids(ids_file, id_column, text).to_pylist()
    elif not named:
        raise UsageError("nothing to delete: name ids, or a file of them with --ids-file")
    if "" in named:
        raise UsageError("an id is empty, and no document has an empty id; leave it out")
    done = deletion.delete(Catalogue.open(store), named, block=block, strict=strict)
    if as_json:
        print_json(done.to_dict())
        return
    shown = ", ".join(done.missing[: deletion.EXAMPLES])
    more = "; --json lists all" if len(done.missing) > deletion.EXAMPLES else ""
    listed = f": {shown}{' …' if more else ''}{more}" if shown else ""
    print_pairs(
        [
            ("store", f"{done.store.uri} at snapshot {done.snapshot}"),
            ("deleted", f"{done.deleted:,}"),
            ("not stored", f"{done.not_stored:,}{listed}"),
            *([("blocked", f"{done.blocked:,} that were not blocked yet")] if block else []),
        ]
    )
