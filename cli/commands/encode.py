"""`encore encode`."""

from __future__ import annotations

from typing import Annotated

import typer

from encore.cli.options.beam import beam_options
from encore.cli.options.common import (
    CodecOption,
    CsvDelimiterOption,
    CsvEscapeOption,
    DeviceOption,
    DtypeOption,
    EncoderOption,
    EncodingOption,
    GiveUpAfterOption,
    IdColumnOption,
    JsonOption,
    KeepColumnsOption,
    MaxDeadLettersOption,
    MaxLengthOption,
    MaxPrunedOption,
    MetricsOption,
    PairColumnOption,
    ReportOption,
    StoreOption,
    TextColumnOption,
    UnitRowsOption,
    comma_list,
)
from encore.cli.options.sync import no_sync_option


@no_sync_option
def encode(
    context: typer.Context,
    inputs: Annotated[
        list[str],
        typer.Argument(metavar="INPUT", help="Parquet, Arrow, JSON or CSV: files, folders, globs or URLs."),
    ],
    store: StoreOption,
    encoder: EncoderOption = "minilm",
    layers: Annotated[
        str | None,
        typer.Option(
            metavar="LAYERS",
            help="Of layers: last, layer:k, mean:m or stack:m; mean:16, or of every layer where there are fewer, "
            "unless given.",
            show_default=False,
        ),
    ] = None,
    positions: Annotated[str, typer.Option(metavar="tokens|cls|mean", help="Positions to store.")] = "tokens",
    quantizer: Annotated[
        str,
        typer.Option(
            metavar="QUANTIZER",
            help="float16, uint8, int4, int2, sign or sign-centred; "
            "uint8 takes :per-tensor or :per-dimension, and :min-max or :histogram.",
        ),
    ] = "sign",
    max_length: MaxLengthOption = None,
    truncation_side: Annotated[
        str | None,
        typer.Option(
            metavar="right|left",
            help="Which end of a long text is cut; the tokenizer's own, right for most, unless given.",
            show_default=False,
        ),
    ] = None,
    no_special_tokens: Annotated[
        bool, typer.Option("--no-special-tokens", help="Leave out the vectors of special tokens.")
    ] = False,
    device: DeviceOption = "auto",
    dtype: DtypeOption = "float32",
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
    dead_letters: Annotated[
        str | None, typer.Option(metavar="DIR", help="Copy the dead letters (Parquet) to a folder.", show_default=False)
    ] = None,
    like: Annotated[
        str | None,
        typer.Option(
            metavar="STORE", help="Take over another store's calibration, so that heads fit both.", show_default=False
        ),
    ] = None,
    prune: Annotated[bool, typer.Option("--prune", help="Delete documents that have left the corpus.")] = False,
    max_pruned: MaxPrunedOption = None,
    give_up_after: GiveUpAfterOption = 15,
    metrics: MetricsOption = None,
    report: ReportOption = None,
    as_json: JsonOption = False,
) -> None:
    """Encode a corpus into a store: what is stored already is skipped, and an interrupted run resumes.

    Example: encore encode reviews/*.parquet --store features --id-column id --text-column body

    Beam's own options follow --, for example: -- --runner=FlinkRunner --flink_master=host:8081
    """
    from encore.cli.console.terminal import error_console  # noqa: PLC0415
    from encore.cli.printing.jobs import print_job_and_exit  # noqa: PLC0415
    from encore.cli.printing.tables import prepare_file  # noqa: PLC0415
    from encore.pipelines.corpus import CorpusColumns, PruneLimit  # noqa: PLC0415
    from encore.pipelines.dead_letters import DeadLetterLimit  # noqa: PLC0415
    from encore.pipelines.encoding import EncodeRequest  # noqa: PLC0415
    from encore.pipelines.encoding import encode as run_encode  # noqa: PLC0415
    from encore.pipelines.progress import display_for  # noqa: PLC0415
    from encore.tablefiles import TextOptions  # noqa: PLC0415

    request = EncodeRequest(
        inputs=tuple(inputs),
        store=store,
        encoder=encoder,
        layers=layers,
        positions=positions,
        quantizer=quantizer,
        max_length=max_length,
        truncation_side=truncation_side,
        special_tokens=not no_special_tokens,
        device=device,
        dtype=dtype,
        columns=CorpusColumns(id_column, text_column, pair_column, comma_list(keep_columns)),
        text=TextOptions(encoding, csv_delimiter, csv_escape),
        codec=codec,
        unit_rows=unit_rows,
        limit=DeadLetterLimit.parse(max_dead_letters),
        dead_letters=dead_letters,
        like=like,
        prune=prune,
        prune_limit=PruneLimit.parse(max_pruned),
        give_up_after=give_up_after,
        report=report,
        metrics=metrics,
    )
    prepare_file(report, "--report")
    prepare_file(metrics, "--metrics")
    result = run_encode(request, beam_options=beam_options(context), display=display_for(error_console()))
    print_job_and_exit(result, report, metrics, as_json=as_json)
