"""`encore experiment wsd`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from encore.cli.options.beam import beam_options
from encore.cli.options.common import DeviceOption, DtypeOption, EncoderOption, JsonOption
from encore.cli.options.sync import no_sync_option

if TYPE_CHECKING:
    from pathlib import Path

    from encore.experiments.word_sense import ProbeResult


@no_sync_option
def wsd(
    context: typer.Context,
    train: Annotated[str, typer.Argument(metavar="TRAIN", help="Parquet with words in sentences and their senses.")],
    test: Annotated[str, typer.Argument(metavar="TEST", help="The same, to measure on.")],
    out: Annotated[str, typer.Option("--out", metavar="DIR", help="Results, and the stores made on the way.")],
    encoder: EncoderOption = "minilm",
    layer: Annotated[
        list[int] | None,
        typer.Option(
            "--layer",
            metavar="K",
            help="Layer whose features are read; may be given again.",
            show_default="the one at two thirds of the depth",
        ),
    ] = None,
    quantizer: Annotated[
        list[str] | None,
        typer.Option(
            "--quantizer",
            metavar="Q",
            help="Quantizer to measure beside float16, uint8 and sign; may be given again.",
            show_default=False,
        ),
    ] = None,
    first_senses: Annotated[
        str | None,
        typer.Option(
            "--first-senses",
            metavar="FILE",
            help="WordNet's index.sense: words that TRAIN lacks get the sense that it numbers 1.",
            show_default="they get no answer",
        ),
    ] = None,
    device: DeviceOption = "auto",
    dtype: DtypeOption = "float32",
    as_json: JsonOption = False,
) -> None:
    """Word senses by the nearest centroid, from original and quantized features: the paper's Table 4.

    Example: encore experiment wsd train.parquet test.parquet --out results --layer 4 --layer 6
    """
    beam_options(context, runs_job=False)
    from encore.cli.console.terminal import error_console  # noqa: PLC0415
    from encore.cli.printing.experiments.outcome import progress_line  # noqa: PLC0415
    from encore.experiments.word_sense import ProbeRequest, run_probe  # noqa: PLC0415
    from encore.featurestore.storage import local_folder  # noqa: PLC0415
    from encore.pipelines.progress import display_for  # noqa: PLC0415

    folder = local_folder(out, "--out")
    request = ProbeRequest(
        train, test, folder, encoder, tuple(layer or ()), tuple(quantizer or ()), first_senses, device, dtype
    )
    result = run_probe(request, progress_line, display_for(error_console()))
    _print_probe(result, result.write(folder), as_json=as_json)


def _print_probe(result: ProbeResult, files: tuple[Path, Path], *, as_json: bool) -> None:
    """Print the rows of the paper's Table 4, the figures by data set, and the paths of the files."""
    from encore.cli.printing.tables import print_json, print_line, print_table  # noqa: PLC0415

    parquet, report = files
    if as_json:
        print_json(
            {
                "encoder": result.encoder,
                "train": result.train,
                "test": result.test,
                "sentences": result.sentences,
                "without_vector": list(result.without_vector),
                "lines": [line.to_dict() for line in result.lines],
                "parquet": str(parquet),
                "report": str(report),
            }
        )
        return
    print_table("Word senses by the nearest centroid, in %", result.head, result.table)
    print_table("F1 in % on the covered instances, by data set", ["features", *result.parts], result.table_of_parts)
    for line in (*result.summary.split("\n"), f"figures: {parquet}", f"tables: {report}"):
        print_line(line)
