"""`encore tradeoff`."""

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
    LabelColumnOption,
    SnapshotOption,
)
from encore.cli.options.sync import no_sync_option


@no_sync_option
def tradeoff(
    context: typer.Context,
    store: Annotated[str, typer.Option("--store", metavar="URI", help="A rich store, such as stack:6 in float16.")],
    labels: Annotated[
        list[str],
        typer.Option(
            "--labels",
            metavar="TASK=FILES",
            help="TASK=TRAIN:DEV, or TASK=TRAIN, of which a share is set aside; may be given many times.",
        ),
    ],
    out: Annotated[str, typer.Option("--out", metavar="DIR", help="Where the report and its cells go.")],
    layers: Annotated[
        list[str] | None,
        typer.Option(
            metavar="X",
            help="last, layer:k, mean:m, stack:m; what the store allows unless given.",
            show_default=False,
        ),
    ] = None,
    positions: Annotated[
        list[str] | None,
        typer.Option(metavar="X", help="tokens, cls, mean; what the store allows unless given.", show_default=False),
    ] = None,
    quantizer: Annotated[
        list[str] | None,
        typer.Option(metavar="X", help="Such as int4; one of each kind unless given.", show_default=False),
    ] = None,
    queries: Annotated[int, typer.Option(metavar="N", help="Learned queries of attention over all tokens.")] = 1,
    seeds: Annotated[int, typer.Option(metavar="N", help="Heads for each task and setting.")] = 3,
    epochs: Annotated[
        int | None, typer.Option(metavar="N", help="Passes; as encore train unless given.", show_default=False)
    ] = None,
    max_bytes: Annotated[
        float | None,
        typer.Option("--max-bytes-per-document", metavar="B", help="Budget of bytes.", show_default=False),
    ] = None,
    max_loss: Annotated[
        float | None,
        typer.Option(
            metavar="POINTS",
            help="Points of accuracy that may be lost; 0.5 where there is no budget.",
            show_default=False,
        ),
    ] = None,
    documents: Annotated[
        int | None,
        typer.Option(
            metavar="N", help="Project the size for so many; the store's own unless given.", show_default=False
        ),
    ] = None,
    id_column: IdColumnOption = "doc_id",
    label_column: LabelColumnOption = "label",
    encoding: EncodingOption = "utf-8",
    csv_delimiter: CsvDelimiterOption = None,
    csv_escape: CsvEscapeOption = None,
    snapshot: SnapshotOption = None,
    workers: Annotated[int, typer.Option(metavar="N", help="Processes that train; each holds a task's features.")] = 2,
    as_json: JsonOption = False,
) -> None:
    """What does a byte buy? Accuracy against bytes for your labels, a recommendation, a picture and a page.

    Example: encore tradeoff --store rich --labels topic=train.parquet:dev.parquet --out report --max-loss 0.5

    Run again, it trains only what is missing, whatever the budget.
    """
    beam_options(context, runs_job=False)
    from encore.cli.printing.experiments.tradeoff import print_tradeoff  # noqa: PLC0415
    from encore.cli.printing.progress import trial_progress  # noqa: PLC0415
    from encore.experiments.tradeoff.measurement import LabelFiles  # noqa: PLC0415
    from encore.experiments.tradeoff.report import check_report_folder, write_report_files  # noqa: PLC0415
    from encore.experiments.tradeoff.request import TradeoffRequest  # noqa: PLC0415
    from encore.experiments.tradeoff.run import run_tradeoff  # noqa: PLC0415
    from encore.featurestore.storage import local_folder  # noqa: PLC0415
    from encore.tablefiles import TextOptions  # noqa: PLC0415

    folder = local_folder(out, "--out")
    request = TradeoffRequest(
        store=store,
        labels=tuple(LabelFiles.parse(text) for text in labels),
        out=folder,
        layers=tuple(layers or ()),
        positions=tuple(positions or ()),
        quantizers=tuple(quantizer or ()),
        queries=queries,
        seeds=seeds,
        epochs=epochs,
        max_bytes=max_bytes,
        max_loss=max_loss,
        documents=documents,
        id_column=id_column,
        label_column=label_column,
        text=TextOptions(encoding, csv_delimiter, csv_escape),
        snapshot=snapshot,
        workers=workers,
    )
    check_report_folder(folder)
    with trial_progress() as progress:
        report = run_tradeoff(request, progress)
    files = write_report_files(report)
    print_tradeoff(report, files, as_json=as_json)
