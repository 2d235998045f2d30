"""`encore snapshots`."""

from __future__ import annotations

import typer

from encore.cli.options.beam import beam_options
from encore.cli.options.common import JsonOption, StoreOption


def snapshots(context: typer.Context, store: StoreOption, as_json: JsonOption = False) -> None:
    """List the snapshots that a store keeps, oldest first, with their tags.

    Example: encore snapshots --store features
    """
    beam_options(context, runs_job=False)
    from encore.cli.printing.tables import print_json, print_table  # noqa: PLC0415
    from encore.featurestore import Catalogue  # noqa: PLC0415
    from encore.featurestore.history import read_tags, version_log  # noqa: PLC0415

    opened = Catalogue.open(store)
    named: dict[int, list[str]] = {}
    for name, number in read_tags(opened.objects).items():
        named.setdefault(number, []).append(name)
    history = version_log(opened.objects).history()
    if as_json:
        print_json(
            {
                "store": opened.uri,
                "snapshots": [
                    {
                        "snapshot": found.version,
                        "committed_at": found.committed_at,
                        "operation": found.operation,
                        "documents": found.counts["documents"],
                        "segments": found.counts["segments"],
                        "tags": named.get(found.version, []),
                    }
                    for found in history
                ],
            }
        )
        return
    print_table(
        opened.uri,
        ["snapshot and tags", "committed (UTC)", "operation", "documents", "segments"],
        [
            (
                f"{found.version} {', '.join(named.get(found.version, []))}",
                found.committed_at[:19].replace("T", " "),
                found.operation,
                f"{found.counts['documents']:,}",
                f"{found.counts['segments']:,}",
            )
            for found in history
        ],
        many_columns=True,
    )
