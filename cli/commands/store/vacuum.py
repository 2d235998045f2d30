"""`encore vacuum`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from encore.cli.options.beam import beam_options
from encore.cli.options.common import JsonOption, StoreOption
from encore.cli.options.sync import no_sync_option

if TYPE_CHECKING:
    from datetime import timedelta

    from encore.pipelines.predictions import PredictionsFolder
    from encore.pipelines.removal import FolderVacuum


@no_sync_option
def vacuum(
    context: typer.Context,
    store: StoreOption,
    keep_snapshots: Annotated[
        int, typer.Option("--keep-snapshots", metavar="N", min=1, help="So many of the newest snapshots stay.")
    ] = 1,
    keep_days: Annotated[
        float,
        typer.Option(
            "--keep-days",
            metavar="D",
            min=0,
            max=100_000,
            help="Snapshots stay that were the newest within so many days, as well.",
        ),
    ] = 0,
    older_than: Annotated[
        float,
        typer.Option(
            "--older-than",
            metavar="HOURS",
            min=0,
            max=1_000_000,
            help="Nothing younger is removed. It must be longer than the longest job runs: a job commits at its end "
            "what it wrote first, and until then nothing says that it is needed. With --forget: a job that began "
            "longer ago and has not ended was interrupted.",
        ),
    ] = 168,
    forget: Annotated[
        bool,
        typer.Option(
            "--forget",
            help="Leave no byte of a document, or of an old text of one, that the newest snapshot does not hold: its "
            "segments are written anew without deleted rows; older snapshots go, however young; so do attempts, dead "
            "letters and reports. Exit code 1, with the reason, where a tag still holds some, or a job that may still "
            "be at work.",
        ),
    ] = False,
    predictions: Annotated[
        list[str] | None,
        typer.Option(
            "--predictions",
            metavar="URI",
            help="A folder of predictions for the store: files that its newest version does not list go as well, and "
            "older versions. With --forget it forgets too. May be repeated.",
            show_default=False,
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only list what would be removed.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Remove old snapshots and every object that no snapshot needs any more.

    The newest snapshot and tagged ones stay, and so do the block list and the reports below runs/. Of predictions the
    newest version stays, and the copies of heads.

    With --forget, everything that says something about deleted documents goes. Jobs that read the store meanwhile
    without writing to it, such as a training, may fail for want of a segment; run them again.

    Example: encore vacuum --store features --keep-days 30 --predictions predictions

    Example: encore vacuum --store features --forget --predictions predictions
    """
    beam_options(context, runs_job=False)
    if forget:
        _forget(store, predictions or [], keep_snapshots, keep_days, older_than, dry_run=dry_run, as_json=as_json)
        return
    from datetime import timedelta  # noqa: PLC0415

    from encore.cli.printing.store.vacuum import print_vacuum  # noqa: PLC0415
    from encore.featurestore.removal import vacuum as run_vacuum  # noqa: PLC0415
    from encore.featurestore.storage import Objects  # noqa: PLC0415

    objects, limit = Objects.open(store), timedelta(hours=older_than)
    # Checked before anything is removed: a folder of another store is a mistake of the user.
    folders = _folders(store, predictions) if predictions else []
    done = run_vacuum(objects, keep_snapshots=keep_snapshots, keep_days=keep_days, age_limit=limit, dry_run=dry_run)
    swept = [_sweep(folder, limit, dry_run=dry_run) for folder in folders]
    print_vacuum(objects.uri, done, swept, dry_run=dry_run, as_json=as_json)


def _folders(store: str, predictions: list[str]) -> list[PredictionsFolder]:
    """Open the predictions folders. Raises UsageError if one belongs to another store."""
    from encore.featurestore import Catalogue  # noqa: PLC0415
    from encore.pipelines.predictions import PredictionsFolder  # noqa: PLC0415

    opened, folders = Catalogue.open(store), [PredictionsFolder.open(uri) for uri in predictions]
    for folder in folders:
        folder.require_store(opened)
    return folders


def _sweep(folder: PredictionsFolder, limit: timedelta, *, dry_run: bool) -> FolderVacuum:
    from encore.pipelines.removal import vacuum_folder  # noqa: PLC0415

    return vacuum_folder(folder, age_limit=limit, dry_run=dry_run)


def _forget(
    store: str,
    predictions: list[str],
    keep_snapshots: int,
    keep_days: float,
    older_than: float,
    *,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Vacuum with --forget."""
    if keep_snapshots != 1 or keep_days:
        raise typer.BadParameter(
            "with --forget, only the newest snapshot and tagged ones stay; leave out --keep-snapshots and --keep-days, "
            "and tag what is to stay"
        )
    from datetime import timedelta  # noqa: PLC0415

    from encore.cli.printing.store.vacuum import print_forgetting  # noqa: PLC0415
    from encore.featurestore import Catalogue  # noqa: PLC0415
    from encore.pipelines.predictions import PredictionsFolder  # noqa: PLC0415
    from encore.pipelines.removal import forget as run_forget  # noqa: PLC0415

    limit = timedelta(hours=older_than)
    opened = Catalogue.open(store)
    folders = [PredictionsFolder.open(uri) for uri in predictions]
    done = run_forget(opened, folders, age_limit=limit, dry_run=dry_run)
    print_forgetting(done, age_limit=limit, dry_run=dry_run, as_json=as_json)
    if not done.complete:
        raise typer.Exit(1)
