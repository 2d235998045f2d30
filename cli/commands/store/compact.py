"""`encore compact`."""

from __future__ import annotations

from typing import Annotated

import typer

from encore.cli.options.beam import beam_options
from encore.cli.options.byte_sizes import parse_bytes
from encore.cli.options.common import JsonOption, StoreOption
from encore.cli.options.sync import no_sync_option


@no_sync_option
def compact(
    context: typer.Context,
    store: StoreOption,
    target_bytes: Annotated[
        str,
        typer.Option(
            "--target-bytes",
            metavar="SIZE",
            help="Features of a merged segment, before lossless codecs: 500000, 64MiB, 1GB. One is held in memory.",
        ),
    ] = "64MiB",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Merge small segments, and write those with deleted documents anew without them; features are copied as they are.

    The old segments stay until a vacuum removes them. Predictions follow at the next backfill, without scoring.

    Example: encore compact --store features
    """
    beam_options(context, runs_job=False)
    target = parse_bytes(target_bytes, "--target-bytes")
    from encore.cli.printing.tables import print_json, print_pairs  # noqa: PLC0415
    from encore.featurestore import Catalogue  # noqa: PLC0415
    from encore.featurestore.common import counted, human_bytes  # noqa: PLC0415
    from encore.featurestore.rewriting import compact as run_compact  # noqa: PLC0415

    opened = Catalogue.open(store)
    done = run_compact(opened, target_bytes=target, dry_run=dry_run)
    if as_json:
        print_json({"store": opened.uri, "dry_run": dry_run, **done.to_dict()})
        return
    if not done.replaced:
        print_pairs([("store", f"{opened.uri} at snapshot {done.after}: nothing to compact")])
        return
    would = "would be " if dry_run else ""
    snapshots = f"snapshot {done.before}" if dry_run else f"snapshot {done.before}, now {done.after}"
    print_pairs(
        [
            ("store", f"{opened.uri} at {snapshots}"),
            ("segments", f"{done.segments[0]:,}, {would or 'now '}{done.segments[1]:,}"),
            ("replaced", f"{done.replaced:,} by {done.written:,}"),
            ("copied", f"{counted(done.documents, 'document')}, {human_bytes(done.payload_bytes)} of features"),
            ("left out", counted(done.deleted, "deleted row")),
        ]
    )
