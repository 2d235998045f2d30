"""`encore copy`."""

from __future__ import annotations

from typing import Annotated

import typer

from encore.cli.options.beam import beam_options
from encore.cli.options.common import JsonOption, StoreOption
from encore.cli.options.sync import no_sync_option


@no_sync_option
def copy(
    context: typer.Context,
    store: StoreOption,
    to: Annotated[str, typer.Option("--to", metavar="URI", help="The copy: a folder or URL, empty or an older copy.")],
    snapshot: Annotated[
        str | None,
        typer.Option(
            "--snapshot",
            metavar="N|TAG",
            help="The newest snapshot of the copy; the store's newest unless given.",
            show_default=False,
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Copy a store while others write to it: its newest snapshot, the tagged ones, and the block list.

    Checksums are compared. An interrupted copy is no store, or the older copy; the same command goes on with it, and
    later brings it up to date. The copy keeps the store's id, so that folders of predictions fit both.

    Example: encore copy --store features --to s3://bucket/features
    """
    beam_options(context, runs_job=False)
    from encore.cli.printing.progress import segment_progress  # noqa: PLC0415
    from encore.cli.printing.tables import print_json, print_pairs  # noqa: PLC0415
    from encore.featurestore.common import counted, human_bytes  # noqa: PLC0415
    from encore.featurestore.rewriting import copy_store  # noqa: PLC0415

    with segment_progress("copy") as progress:
        done = copy_store(store, to, snapshot, progress=progress)
    if as_json:
        print_json(
            {
                "store": store,
                "copy": done.store.uri,
                "snapshot": done.store.version,
                "documents": len(done.store),
                "tags": list(done.tags),
                "written": {"objects": done.objects, "bytes": done.bytes},
                "there": done.there,
            }
        )
        return
    print_pairs(
        [
            ("copy", f"{done.store.uri} at snapshot {done.store.version}, {counted(len(done.store), 'document')}"),
            *([("tags", ", ".join(done.tags))] if done.tags else []),
            ("written", f"{counted(done.objects, 'object')}, {human_bytes(done.bytes)}"),
            ("there", f"{counted(done.there, 'object')} that an earlier copy had written"),
        ]
    )
