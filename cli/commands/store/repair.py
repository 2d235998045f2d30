"""`encore repair`."""

from __future__ import annotations

from typing import Annotated

import typer

from encore.cli.options.beam import beam_options
from encore.cli.options.common import (
    CodecOption,
    CsvDelimiterOption,
    CsvEscapeOption,
    DeviceOption,
    EncodingOption,
    IdColumnOption,
    JsonOption,
    KeepColumnsOption,
    MaxDeadLettersOption,
    MaxPrunedOption,
    PairColumnOption,
    StoreOption,
    TextColumnOption,
    UnitRowsOption,
    comma_list,
)
from encore.cli.options.sync import no_sync_option


@no_sync_option
def repair(
    context: typer.Context,
    store: StoreOption,
    inputs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="CORPUS",
            help="What the store was encoded from: what is lost comes back out of it.",
            show_default=False,
        ),
    ] = None,
    predictions: Annotated[
        list[str] | None,
        typer.Option(
            "--predictions",
            metavar="URI",
            help="A folder of predictions for the store, to be repaired as well. May be repeated.",
            show_default=False,
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what is damaged, and what would be done.")
    ] = False,
    blocked_ids: Annotated[
        str | None,
        typer.Option(
            "--blocked-ids",
            metavar="FILE",
            help="Where the block list is damaged: the ids for a new one, as encore delete --ids-file takes them.",
            show_default=False,
        ),
    ] = None,
    drop_block_list: Annotated[
        bool,
        typer.Option("--drop-block-list", help="Where the block list is damaged: let in what it blocked."),
    ] = False,
    encoder: Annotated[
        str | None,
        typer.Option(
            "--encoder",
            metavar="NAME|hf:ID|PATH",
            help="The store's encoder, where it lies elsewhere now, or on the hub; the store says which unless given.",
            show_default=False,
        ),
    ] = None,
    device: DeviceOption = "auto",
    id_column: IdColumnOption = "doc_id",
    text_column: TextColumnOption = "text",
    pair_column: PairColumnOption = None,
    encoding: EncodingOption = "utf-8",
    csv_delimiter: CsvDelimiterOption = None,
    csv_escape: CsvEscapeOption = None,
    keep_columns: KeepColumnsOption = "",
    codec: CodecOption = None,
    unit_rows: UnitRowsOption = None,
    max_dead_letters: MaxDeadLettersOption = None,
    prune: Annotated[
        bool,
        typer.Option(
            "--prune",
            help="Delete what the corpus does not hold: where a snapshot is lost, nothing else says what was deleted.",
        ),
    ] = False,
    max_pruned: MaxPrunedOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a damaged store whole: what is damaged is set aside, and what it held is encoded again out of a corpus.

    First says what is damaged and what comes of it. Exit code 0 when the store is whole, with fewer documents where no
    corpus brings them back; 1 when something is left to do, as after --dry-run on a damaged store.

    Example: encore repair --store features --dry-run

    Example: encore repair --store features reviews/*.parquet --predictions predictions
    """
    from encore.cli.console.terminal import error_console  # noqa: PLC0415
    from encore.cli.printing.jobs import print_job  # noqa: PLC0415
    from encore.cli.printing.progress import segment_progress  # noqa: PLC0415
    from encore.cli.printing.store.repair import print_damage, print_result  # noqa: PLC0415
    from encore.cli.printing.tables import print_json  # noqa: PLC0415
    from encore.featurestore import UsageError  # noqa: PLC0415
    from encore.featurestore.repair import BlockListChoice  # noqa: PLC0415
    from encore.pipelines.corpus import CorpusColumns, PruneLimit  # noqa: PLC0415
    from encore.pipelines.dead_letters import DeadLetterLimit  # noqa: PLC0415
    from encore.pipelines.progress import display_for  # noqa: PLC0415
    from encore.pipelines.repair import RepairRequest, preview_repair  # noqa: PLC0415
    from encore.pipelines.repair import repair as repair_store  # noqa: PLC0415
    from encore.tablefiles import TextOptions  # noqa: PLC0415

    text = TextOptions(encoding, csv_delimiter, csv_escape)
    if blocked_ids is not None and drop_block_list:
        raise UsageError("--blocked-ids and --drop-block-list contradict each other; give one")
    ids = None
    if blocked_ids is not None:
        from encore.cli.id_files import read_ids  # noqa: PLC0415

        ids = read_ids(blocked_ids, id_column, text)
    request = RepairRequest(
        store=store,
        inputs=tuple(inputs or ()),
        predictions=tuple(predictions or ()),
        block_list=BlockListChoice(ids, drop_block_list),
        encoder=encoder,
        device=device,
        columns=CorpusColumns(id_column, text_column, pair_column, comma_list(keep_columns)),
        text=text,
        codec=codec,
        unit_rows=unit_rows,
        limit=DeadLetterLimit.parse(max_dead_letters),
        prune=prune,
        prune_limit=PruneLimit.parse(max_pruned),
    )
    options = beam_options(context, runs_job=bool(inputs))
    with segment_progress("repair: looking at the store") as progress:
        found = preview_repair(request, progress)
    if not as_json:
        print_damage(found, request)
    result = None
    if not dry_run and (found.needed or request.inputs):
        result = repair_store(request, found, beam_options=options, display=display_for(error_console()))
    if as_json:
        print_json({"dry_run": dry_run, **found.to_dict(), "done": None if result is None else result.to_dict()})
    elif result is not None:
        print_result(result)
        if result.encoded is not None:
            print_job(result.encoded)
    if (dry_run and found.needed) or (result is not None and result.exit_code):
        raise typer.Exit(1)
