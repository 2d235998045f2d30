"""`encore verify`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from encore.cli.options.beam import beam_options
from encore.cli.options.common import JsonOption, StoreOption

if TYPE_CHECKING:
    from encore.pipelines.head_registry import FolderVerification


def verify(
    context: typer.Context,
    store: StoreOption,
    snapshot: Annotated[
        str | None,
        typer.Option(
            "--snapshot",
            metavar="N|TAG",
            help="The snapshot to check; every one that is kept unless given.",
            show_default=False,
        ),
    ] = None,
    deep: Annotated[
        bool, typer.Option("--deep", help="Read every object in full, compare its checksum, and decode every chunk.")
    ] = False,
    predictions: Annotated[
        list[str] | None,
        typer.Option(
            "--predictions",
            metavar="URI",
            help="A folder of predictions for the store, of which every listed file is read as well. May be repeated.",
            show_default=False,
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Check that everything a store needs is there, is what was written, and agrees with itself; exit code 1 if not.

    Changes nothing. Without --deep, features are checked by their size alone.

    Example: encore verify --store features --deep --predictions predictions
    """
    beam_options(context, runs_job=False)
    from encore.cli.printing.progress import segment_progress  # noqa: PLC0415
    from encore.cli.printing.store.verify import print_verification  # noqa: PLC0415
    from encore.featurestore.storage import Objects  # noqa: PLC0415
    from encore.featurestore.verification import verify as verify_store  # noqa: PLC0415

    with segment_progress("verify") as progress:
        found = verify_store(Objects.open(store), snapshot, deep=deep, progress=progress)
    folders = _check_folders(store, predictions) if predictions else []
    print_verification(found, folders, as_json=as_json)
    if found.findings or any(folder.findings for folder in folders):
        raise typer.Exit(1)


def _check_folders(store: str, predictions: list[str]) -> list[FolderVerification]:
    from encore.featurestore import Catalogue  # noqa: PLC0415
    from encore.pipelines.head_registry import verify_folder  # noqa: PLC0415

    opened = Catalogue.open(store)
    return [verify_folder(opened, uri) for uri in predictions]
