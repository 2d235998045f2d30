"""`encore inspect`."""

from __future__ import annotations

from typing import Annotated

import typer

from encore.cli.options.beam import beam_options
from encore.cli.options.common import JsonOption, SnapshotOption, StoreOption


def inspect(
    context: typer.Context,
    store: StoreOption,
    snapshot: SnapshotOption = None,
    digest: Annotated[
        bool,
        typer.Option("--digest", help="Print only the digest of all documents and their features; reads them all."),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Say what a store holds: spec, counts, bytes a document, snapshot.

    Example: encore inspect --store features
    """
    beam_options(context, runs_job=False)
    from encore.cli.printing.tables import print_json, print_pairs  # noqa: PLC0415
    from encore.featurestore import Catalogue  # noqa: PLC0415
    from encore.featurestore.common import counted, human_bytes  # noqa: PLC0415
    from encore.featurestore.store_reading import read_store  # noqa: PLC0415

    if digest:
        print(read_store(store, snapshot, lambda opened: opened.digest()))
        return
    opened = Catalogue.open(store, snapshot)
    counts, spec = dict(opened.manifest.counts), opened.spec
    documents = counts.get("documents", 0)
    if as_json:
        print_json(
            {
                "store": opened.uri,
                "snapshot": opened.version,
                "committed_at": opened.manifest.committed_at or None,
                "counts": counts,
                "fingerprint": spec.fingerprint,
                "spec": spec.to_dict(),
            }
        )
        return
    stored = counts.get("stored_bytes", 0)
    print_pairs(
        [
            ("store", opened.uri),
            ("snapshot", f"{opened.version} ({opened.manifest.committed_at})" if opened.version else "0 (empty)"),
            ("documents", f"{documents:,}"),
            ("tokens", f"{counts.get('tokens', 0):,}"),
            ("segments", f"{counts.get('segments', 0):,}, {counted(counts.get('deleted', 0), 'row')} deleted"),
            ("features", human_bytes(counts.get("payload_bytes", 0))),
            ("stored", human_bytes(stored) + (f", {stored / documents:,.0f} bytes a document" if documents else "")),
            (
                "encoder",
                f"{spec.encoder.name or spec.encoder.source}, {spec.encoder.num_layers} layers of {spec.width}",
            ),
            ("layers", spec.layers),
            ("positions", spec.positions),
            ("quantizer", spec.quantizer.request),
            ("max length", f"{spec.text.max_length} tokens, cut on the {spec.text.truncation_side}"),
            ("derived from", spec.derived_from or "no other store"),
            ("fingerprint", spec.fingerprint),
        ]
    )
