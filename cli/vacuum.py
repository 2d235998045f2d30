"""`encore vacuum`."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.beam_options import beam_options
from cli.options import JsonOption, StoreOption


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("vacuum")(vacuum)


def vacuum(
    context: typer.Context,
    store: StoreOption,
    keep_snapshots: Annotated[
        int, typer.Option("--keep-snapshots", metavar="N", min=1, help="So many of the newest snapshots stay.")
    ] = 1,
    keep_days: Annotated[
        float,
        typer.Option(
            "--keep-days", metavar="D", min=0, help="Snapshots stay that were the newest within so many days, as well."
        ),
    ] = 0,
    older_than: Annotated[
        float,
        typer.Option(
            "--older-than",
            metavar="HOURS",
            min=0,
            help="Nothing younger is removed. It must be longer than the longest job runs: a job commits at its end "
            "what it wrote first, and until then nothing says that it is needed.",
        ),
    ] = 168,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only list what would be removed.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Remove old snapshots and every object that no snapshot needs any more.

    The newest snapshot and tagged ones stay, and so do the block list and the reports below runs/.

    Example: encore vacuum --store features --keep-days 30
    """
    beam_options(context, taken=False)
    from datetime import timedelta  # noqa: PLC0415

    from cli.vacuum_output import print_vacuum  # noqa: PLC0415
    from featurestore.maintenance.vacuum import vacuum as run_vacuum  # noqa: PLC0415
    from featurestore.objects import Objects  # noqa: PLC0415

    objects = Objects.open(store)
    done = run_vacuum(
        objects,
        keep_snapshots=keep_snapshots,
        keep_days=keep_days,
        age_limit=timedelta(hours=older_than),
        dry_run=dry_run,
    )
    print_vacuum(objects.uri, done, dry_run=dry_run, as_json=as_json)
