"""`encore cost`."""

from __future__ import annotations

from typing import Annotated

import typer

from encore.cli.options.beam import beam_options
from encore.cli.options.common import JsonOption

ASSUMED_HELP = "assumed; what it stands for is printed"


def cost(
    context: typer.Context,
    encoder: Annotated[
        str,
        typer.Option(
            metavar="NAME|hf:ID|PATH", help="A built-in name, or where a config.json is; weights are not needed."
        ),
    ] = "roberta-large",
    distilled: Annotated[
        str, typer.Option(metavar="NAME|hf:ID|PATH", help="The smaller encoder to compare with.")
    ] = "distilroberta",
    tokens: Annotated[int, typer.Option(metavar="T", help="Tokens of a document, special tokens included.")] = 50,
    tasks: Annotated[int, typer.Option(metavar="K", help="Tasks asked of every document.")] = 14,
    queries: Annotated[int, typer.Option(metavar="N", help="Learned queries of a task's attention.")] = 1,
    plot: Annotated[
        str | None,
        typer.Option(metavar="FILE.png", help="Draw the FLOPs over the number of tasks.", show_default=False),
    ] = None,
    documents: Annotated[
        int | None,
        typer.Option(metavar="N", help="Price a corpus of so many; the options below are for it.", show_default=False),
    ] = None,
    layers: Annotated[
        str | None,
        typer.Option(
            metavar="LAYERS",
            help="What is stored: last, mean:m or stack:m; only stack:m costs more.",
            show_default=False,
        ),
    ] = None,
    positions: Annotated[
        str | None,
        typer.Option(metavar="tokens|cls|mean", help="A vector a token, or one a document.", show_default="tokens"),
    ] = None,
    price_per_gb_month: Annotated[
        float | None,
        typer.Option(metavar="X", help="Price of 10⁹ bytes for a month.", show_default=f"0.0214, {ASSUMED_HELP}"),
    ] = None,
    price_per_device_hour: Annotated[
        float | None,
        typer.Option(metavar="Y", help="Price of a device for an hour.", show_default=f"2.74, {ASSUMED_HELP}"),
    ] = None,
    device_flops: Annotated[
        float | None,
        typer.Option(metavar="F", help="The device's peak in TFLOP/s.", show_default=f"312, {ASSUMED_HELP}"),
    ] = None,
    utilization: Annotated[
        float | None, typer.Option(metavar="U", help="Share of the peak that is reached.", show_default="0.3")
    ] = None,
    months: Annotated[
        float | None, typer.Option(metavar="M", help="How long the features are kept.", show_default="12")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Bytes and FLOPs by arithmetic: the paper's tables 2 and 3 for any encoder, break-even tasks, and money.

    Example: encore cost --encoder minilm --tokens 60 --documents 1000000
    """
    beam_options(context, runs_job=False)
    from encore.cli.printing.experiments.cost import print_cost  # noqa: PLC0415
    from encore.cli.printing.tables import prepare_file  # noqa: PLC0415
    from encore.experiments.cost import CostRequest, check_figure, report_cost, write_figure  # noqa: PLC0415  # noqa: PLC0415

    prices = {
        "gb_month": price_per_gb_month,
        "device_hour": price_per_device_hour,
        "device_tflops": device_flops,
        "utilization": utilization,
        "months": months,
    }
    request = CostRequest(
        encoder,
        distilled,
        tokens,
        tasks,
        queries,
        documents,
        layers,
        positions,
        {name: value for name, value in prices.items() if value is not None},
    )
    check_figure(plot)
    prepare_file(plot, "--plot")
    report = report_cost(request)
    if plot is not None:
        write_figure(plot, report.methods, tasks, f"{report.shape.name}, {tokens} tokens")
    print_cost(report, plot, as_json=as_json)
