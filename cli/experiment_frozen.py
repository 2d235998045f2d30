"""`encore experiment frozen`."""

from __future__ import annotations

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
)
from cli.options import DeviceOption, JsonOption


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("frozen")(frozen)


def frozen(
    context: typer.Context,
    tasks: TasksArgument,
    out: ExperimentOutOption,
    data: DataOption = None,
    only: OnlyOption = None,
    encoder: EncoderOption = "minilm",
    train_rows: TrainRowsOption = None,
    dev_rows: DevRowsOption = None,
    max_length: MaxLengthOption = None,
    seeds: SeedsOption = 3,
    epochs: EpochsOption = None,
    mean_layers: MeanLayersOption = None,
    device: DeviceOption = "auto",
    dtype: DtypeOption = "float32",
    as_json: JsonOption = False,
) -> None:
    """Heads on the frozen plain encoder, by five poolings: the paper's Table 3 (b).

    Example: encore experiment frozen paper --out results --train-rows 2000 --dev-rows 500 --max-length 128
    """
    beam_options(context, taken=False)
    from cli.experiment_output import print_outcome, progress_line  # noqa: PLC0415
    from experiments.frozen import run_frozen  # noqa: PLC0415
    from pipelines.progress import Silent  # noqa: PLC0415

    request = experiment_request(
        tasks, out, data, only, encoder, train_rows, dev_rows, max_length, seeds, epochs, mean_layers, device, dtype
    )
    print_outcome(run_frozen(request, progress_line, Silent()), as_json=as_json)
