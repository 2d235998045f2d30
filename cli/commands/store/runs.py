"""`encore runs`."""

from __future__ import annotations

from typing import Annotated

import typer

from encore.cli.options.beam import beam_options
from encore.cli.options.common import JsonOption


def runs(
    context: typer.Context,
    store: Annotated[
        str, typer.Option("--store", metavar="URI", help="The feature store, or a folder of predictions.")
    ],
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, help="Runs to list.")] = 20,
    as_json: JsonOption = False,
) -> None:
    """List the jobs that are at work on a store and those that have ended, newest first.

    Example: encore runs --store features
    """
    beam_options(context, runs_job=False)
    from encore.cli.printing.store.runs import print_runs  # noqa: PLC0415
    from encore.cli.printing.tables import print_json  # noqa: PLC0415
    from encore.featurestore import Catalogue  # noqa: PLC0415
    from encore.featurestore.storage import Objects  # noqa: PLC0415
    from encore.pipelines.predictions import PREDICTIONS_FILE, PredictionsFolder  # noqa: PLC0415
    from encore.pipelines.runs import list_runs  # noqa: PLC0415

    given = Objects.open(store)
    of_predictions = given.size(PREDICTIONS_FILE) is not None
    objects = PredictionsFolder.open(store).objects if of_predictions else Catalogue.open(store).objects
    found = list_runs(objects, limit)
    if as_json:
        print_json({"store": objects.uri, "runs": [run.to_dict() for run in found]})
    else:
        print_runs(objects.uri, found)
