"""`encore tag`."""

from __future__ import annotations

from typing import Annotated

import typer

from encore.cli.options.beam import beam_options
from encore.cli.options.common import StoreOption
from encore.cli.options.sync import no_sync_option


@no_sync_option
def tag(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Letters, digits, '.', '_' and '-'; not a number alone.")],
    store: StoreOption,
    snapshot: Annotated[
        str | None,
        typer.Option("--snapshot", metavar="N|TAG", help="The newest unless given.", show_default=False),
    ] = None,
    remove: Annotated[bool, typer.Option("--remove", help="Take the tag away; its snapshot stays.")] = False,
) -> None:
    """Name a snapshot: --snapshot takes the name wherever it takes a number, and vacuum keeps what is tagged.

    Example: encore tag release-3 --store features
    """
    beam_options(context, runs_job=False)
    from encore.cli.printing.tables import print_line  # noqa: PLC0415
    from encore.featurestore import Catalogue, UsageError  # noqa: PLC0415
    from encore.featurestore.history import add_tag, remove_tag  # noqa: PLC0415

    if remove and snapshot is not None:
        raise UsageError("--remove takes no --snapshot, since a tag has one snapshot; leave --snapshot out")
    opened = Catalogue.open(store, snapshot)
    if remove:
        remove_tag(opened.objects, name)
        print_line(f"{opened.uri}: tag {name} is removed")
    else:
        add_tag(opened.objects, name, opened.version)
        print_line(f"{opened.uri}: tag {name} is snapshot {opened.version}")
