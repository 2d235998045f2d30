"""`encore backfill`."""

from __future__ import annotations

from typing import Annotated

import typer

from encore.cli.options.beam import beam_options
from encore.cli.options.common import (
    DeviceOption,
    GiveUpAfterOption,
    HeadOption,
    JsonOption,
    MetricsOption,
    ReportOption,
    SnapshotOption,
    StoreOption,
)
from encore.cli.options.sync import no_sync_option


@no_sync_option
def backfill(
    context: typer.Context,
    store: StoreOption,
    head: HeadOption,
    out: Annotated[
        str, typer.Option("--out", metavar="URI", help="Folder of predictions, made or brought up to date.")
    ],
    snapshot: SnapshotOption = None,
    probabilities: Annotated[
        bool, typer.Option("--probabilities", help="Keep every class's probability beside the label.")
    ] = False,
    device: DeviceOption = "auto",
    dtype: Annotated[
        str,
        typer.Option(
            "--dtype",
            metavar="float32|float16",
            help="What a GPU multiplies in; float16 is faster, and moves probabilities by some 0.001.",
        ),
    ] = "float32",
    check: Annotated[
        bool,
        typer.Option(
            "--check", help="Read every listed file of these heads as well, and score again what is damaged inside."
        ),
    ] = False,
    give_up_after: GiveUpAfterOption = 15,
    metrics: MetricsOption = None,
    report: ReportOption = None,
    as_json: JsonOption = False,
) -> None:
    """Score every stored document with one head or many in one pass; what is scored already is left alone.

    Example: encore backfill --store features --head trained/topic --head trained/tone --out predictions
    """
    from encore.cli.console.terminal import error_console  # noqa: PLC0415
    from encore.cli.printing.tables import prepare_file, print_json, print_pairs, write_report  # noqa: PLC0415
    from encore.featurestore.common import counted, human_bytes  # noqa: PLC0415
    from encore.pipelines.backfill import BackfillRequest  # noqa: PLC0415
    from encore.pipelines.backfill import backfill as run_backfill  # noqa: PLC0415
    from encore.pipelines.progress import display_for  # noqa: PLC0415
    from encore.pipelines.runs import to_prometheus  # noqa: PLC0415

    request = BackfillRequest(store, tuple(head), out, snapshot, probabilities, device, dtype, check, give_up_after)
    prepare_file(report, "--report")
    prepare_file(metrics, "--metrics")
    result = run_backfill(request, beam_options=beam_options(context), display=display_for(error_console()))
    write_report(report, result.to_json())
    write_report(metrics, to_prometheus(result.document))
    found = result.document
    if as_json:
        print_json(found)
    else:
        documents, failures = found["documents"], found["failures"]
        on_device = f" on {found['device']}, {found['dtype']}" if found["device"].startswith("cuda") else ""
        lines: list[tuple[str, object]] = [
            ("predictions", f"{found['predictions']}" + ("" if found["committed"] else " (unchanged)")),
            ("heads", ", ".join(found["heads"])),
            ("documents", f"{documents['stored']:,} at snapshot {found['snapshot']}"),
            ("scored", f"{counted(documents['scored'], 'prediction')}, {human_bytes(found['bytes'])}"),
        ]
        if documents["carried"]:
            lines.append(("carried over", f"{counted(documents['carried'], 'prediction')} made before"))
        if documents["adopted"]:
            lines.append(("adopted", f"{counted(documents['adopted'], 'prediction')} that an earlier run had finished"))
        if documents["checked"]:
            lines.append(("checked", f"{counted(documents['checked'], 'listed prediction')}, sound"))
        if failures:
            lines.append(("failed", f"{counted(len(failures), 'segment')}; the same command tries again"))
            lines += [("", f"  {f['stage']}: {f['reason']}") for f in list(failures.values())[:5]]
        lines.append(("took", f"{found['wall_seconds']:.1f} s{on_device}"))
        print_pairs(lines)
    if result.exit_code:
        raise typer.Exit(result.exit_code)
