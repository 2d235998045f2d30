"""`encore experiment quantization`."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.beam_options import beam_options
from cli.experiment_options import (
    DataOption,
    DevRowsOption,
    DtypeOption,
    EncoderOption,
    EpochsOption,
    ExperimentOutOption,
    MaxLengthOption,
    MeanLayersOption,
    OnlyOption,
    SeedsOption,
    TasksArgument,
    TrainRowsOption,
    experiment_request,
    names,
)
from cli.options import DeviceOption, JsonOption


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("quantization")(quantization)


def quantization(
    context: typer.Context,
    tasks: TasksArgument,
    out: ExperimentOutOption,
    data: DataOption = None,
    only: OnlyOption = None,
    encoder: EncoderOption = "minilm",
    quantizers: Annotated[
        str, typer.Option("--quantizers", metavar="Q[/Nq],...", help="Quantizers, and queries of the head.")
    ] = "float16,uint8:per-tensor,uint8:per-dimension,sign",
    placements: Annotated[
        str, typer.Option("--placements", metavar="after,before", help="Quantize after or before layer pooling.")
    ] = "after,before",
    train_rows: TrainRowsOption = None,
    dev_rows: DevRowsOption = None,
    max_length: MaxLengthOption = None,
    seeds: SeedsOption = 5,
    epochs: EpochsOption = None,
    mean_layers: MeanLayersOption = None,
    device: DeviceOption = "auto",
    dtype: DtypeOption = "float32",
    as_json: JsonOption = False,
) -> None:
    """Accuracy by quantizer on the frozen encoder, paired with float16 by task and seed: the paper's section 6.3.

    Example: encore experiment quantization paper --out results --quantizers uint8,sign,sign/4q
    """
    beam_options(context, taken=False)
    from cli.experiment_output import print_outcome, progress_line  # noqa: PLC0415
    from experiments.quantization import QuantizationGrid, run_quantization  # noqa: PLC0415
    from pipelines.progress import Silent  # noqa: PLC0415

    grid = QuantizationGrid(names(quantizers), names(placements))
    request = experiment_request(
        tasks, out, data, only, encoder, train_rows, dev_rows, max_length, seeds, epochs, mean_layers, device, dtype
    )
    print_outcome(run_quantization(request, grid, progress_line, Silent()), as_json=as_json)
