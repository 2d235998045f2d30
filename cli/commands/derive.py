"""`encore derive`."""

from __future__ import annotations

from typing import Annotated

import typer

from encore.cli.options.beam import beam_options
from encore.cli.options.common import (
    CodecOption,
    GiveUpAfterOption,
    JsonOption,
    MetricsOption,
    ReportOption,
    SnapshotOption,
    StoreOption,
)
from encore.cli.options.sync import no_sync_option


@no_sync_option
def derive(
    context: typer.Context,
    source: Annotated[str, typer.Option("--from", metavar="URI", help="The richer store.")],
    store: StoreOption,
    layers: Annotated[
        str | None,
        typer.Option(metavar="LAYERS", help="Of layers: last, layer:k, mean:m, stack:m.", show_default="as stored"),
    ] = None,
    positions: Annotated[
        str | None, typer.Option(metavar="tokens|cls|mean", help="Positions to keep.", show_default="as stored")
    ] = None,
    quantizer: Annotated[
        str | None,
        typer.Option(
            metavar="QUANTIZER", help="float16, uint8, int4, int2, sign or sign-centred.", show_default="as stored"
        ),
    ] = None,
    codec: CodecOption = None,
    snapshot: SnapshotOption = None,
    like: Annotated[
        str | None, typer.Option(metavar="URI", help="Take over this store's calibration.", show_default=False)
    ] = None,
    give_up_after: GiveUpAfterOption = 15,
    metrics: MetricsOption = None,
    report: ReportOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a poorer store from a richer one, without the encoder.

    Example: encore derive --from rich --store small --layers mean:4 --quantizer sign

    Run again, it derives only what the source has gained.
    """
    from encore.cli.console.terminal import error_console  # noqa: PLC0415
    from encore.cli.printing.jobs import print_job_and_exit  # noqa: PLC0415
    from encore.cli.printing.tables import prepare_file  # noqa: PLC0415
    from encore.pipelines.ingestion import DeriveRequest  # noqa: PLC0415
    from encore.pipelines.ingestion import derive as run_derive  # noqa: PLC0415
    from encore.pipelines.progress import display_for  # noqa: PLC0415

    request = DeriveRequest(source, store, layers, positions, quantizer, codec, snapshot, like, give_up_after)
    prepare_file(report, "--report")
    prepare_file(metrics, "--metrics")
    result = run_derive(request, beam_options=beam_options(context), display=display_for(error_console()))
    print_job_and_exit(result, report, metrics, as_json=as_json)
