"""`encore predict`."""

from __future__ import annotations

from typing import Annotated

import typer

from encore.cli.options.beam import beam_options
from encore.cli.options.common import (
    CsvDelimiterOption,
    CsvEscapeOption,
    DeviceOption,
    EncodingOption,
    HeadOption,
    IdColumnOption,
    JsonOption,
    PairColumnOption,
    TextColumnOption,
)


def predict(
    context: typer.Context,
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUT|TEXT|-",
            help="Parquet, Arrow, JSON or CSV: files, folders, globs or URLs; or texts of several words each; or - for "
            "the lines of standard input, where texts go that begin with - or may be names.",
        ),
    ],
    head: HeadOption,
    out: Annotated[
        str | None,
        typer.Option("--out", metavar="FILE.parquet|FILE.csv", help="Write all of them.", show_default=False),
    ] = None,
    encoder: Annotated[
        str | None,
        typer.Option(metavar="NAME|hf:ID|PATH", help="Where the encoder is, if it has moved.", show_default=False),
    ] = None,
    allow_download: Annotated[
        bool, typer.Option("--allow-download", help="Fetch the encoder from the hub if the heads name one there.")
    ] = False,
    device: DeviceOption = "auto",
    id_column: IdColumnOption = "doc_id",
    text_column: TextColumnOption = "text",
    pair_column: PairColumnOption = None,
    encoding: EncodingOption = "utf-8",
    csv_delimiter: CsvDelimiterOption = None,
    csv_escape: CsvEscapeOption = None,
    probabilities: Annotated[
        bool, typer.Option("--probabilities", help="Keep every class's probability beside the label.")
    ] = False,
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=0, help="Predictions to print.")] = 20,
    as_json: JsonOption = False,
) -> None:
    """Score new text that is in no store, with the encoder that the heads' features came from.

    Example: encore predict today.csv --head trained/topic --out answers.parquet
    Example: encore predict "The cup went to extra time" --head trained/topic
    """
    beam_options(context, runs_job=False)
    from encore.cli.printing.documents import prepare_out  # noqa: PLC0415
    from encore.cli.printing.predict import print_predictions  # noqa: PLC0415
    from encore.cli.text_arguments import files_and_texts  # noqa: PLC0415
    from encore.pipelines.corpus import CorpusColumns  # noqa: PLC0415
    from encore.tablefiles import TextOptions  # noqa: PLC0415
    from encore.tablefiles.listing import refuse_outputs_among_inputs  # noqa: PLC0415

    options = TextOptions(encoding, csv_delimiter, csv_escape)
    files, texts = files_and_texts(inputs, options.encoding)
    refuse_outputs_among_inputs(files, {"--out": out})
    prepare_out(out)
    # Imported after the words are checked, so that errors in them come before transformers is loaded.
    from encore.pipelines.predict_job import PredictRequest  # noqa: PLC0415
    from encore.pipelines.predict_job import predict as run_predict  # noqa: PLC0415

    request = PredictRequest(
        inputs=tuple(files),
        heads=tuple(head),
        encoder=encoder,
        allow_download=allow_download,
        device=device,
        columns=CorpusColumns(id_column, text_column, pair_column),
        probabilities=probabilities,
        text=options,
        texts=tuple(texts),
    )
    predicted = run_predict(request)
    print_predictions(predicted, out, limit, as_json=as_json)
    if predicted.dead and not predicted.table.num_rows:
        raise typer.Exit(1)
