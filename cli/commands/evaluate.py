"""`encore evaluate`."""

from __future__ import annotations

from typing import Annotated

import typer

from encore.cli.options.beam import beam_options
from encore.cli.options.common import (
    CsvDelimiterOption,
    CsvEscapeOption,
    EncodingOption,
    IdColumnOption,
    JsonOption,
    LabelColumnOption,
)


def evaluate(
    context: typer.Context,
    predictions: Annotated[
        str,
        typer.Argument(
            metavar="PREDICTIONS", help="A folder that backfill wrote, or a Parquet file that predict wrote."
        ),
    ],
    labels: Annotated[str, typer.Argument(metavar="LABELS", help="Parquet, Arrow, JSON or CSV with ids and labels.")],
    head: Annotated[
        str | None,
        typer.Option(
            "--head", metavar="TASK|HEAD_DIR", help="Which head, where there are several.", show_default=False
        ),
    ] = None,
    id_column: IdColumnOption = "doc_id",
    label_column: LabelColumnOption = "label",
    encoding: EncodingOption = "utf-8",
    csv_delimiter: CsvDelimiterOption = None,
    csv_escape: CsvEscapeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare predictions with labels: accuracy, macro F1, MCC, confusion, with 95 % intervals.

    Example: encore evaluate predictions topics-held-out.parquet --head topic
    """
    beam_options(context, runs_job=False)
    from encore.cli.printing.evaluate import print_evaluation  # noqa: PLC0415
    from encore.cli.printing.tables import print_json  # noqa: PLC0415
    from encore.heads import evaluate_predictions, read_labels  # noqa: PLC0415
    from encore.pipelines.head_registry import read_predictions  # noqa: PLC0415
    from encore.tablefiles import TextOptions  # noqa: PLC0415

    text = TextOptions(encoding, csv_delimiter, csv_escape)
    found = read_predictions(predictions, head)
    given = read_labels(labels, id_column, label_column, text)
    evaluation = evaluate_predictions(
        given, found.table["doc_id"], found.table["label"], classes=found.classes, trained_on=found.trained_on
    )
    if as_json:
        print_json({"head": found.head, **evaluation.to_dict(), "blank": given.blank})
    else:
        print_evaluation(found.head, evaluation, given.blank)
