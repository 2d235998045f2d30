"""`encore experiment loo`."""

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
from cli.experiment_training import EncoderRateOption, PrecisionOption, StepsOption, training_settings
from cli.options import DeviceOption, JsonOption


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("loo")(loo)


def loo(
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
    quantizers: Annotated[
        str, typer.Option("--quantizers", metavar="Q,...", help="Quantizers of the layer average, beside float16.")
    ] = "uint8,sign",
    steps: StepsOption = 1000,
    lr: EncoderRateOption = None,
    precision: PrecisionOption = "auto",
    device: DeviceOption = "auto",
    dtype: DtypeOption = "float32",
    as_json: JsonOption = False,
) -> None:
    """Heads on encoders trained jointly on all other tasks, by five poolings and quantizers: the paper's Table 3 (c).

    Example: encore experiment loo paper --out results --steps 1000
    """
    beam_options(context, taken=False)
    from cli.experiment_output import print_outcome, progress_line  # noqa: PLC0415
    from cli.output import error_console  # noqa: PLC0415
    from experiments.leave_out import LeaveOutPlan, run_loo  # noqa: PLC0415
    from experiments.training_display import training_display_for  # noqa: PLC0415
    from pipelines.progress import Silent  # noqa: PLC0415

    plan = LeaveOutPlan(training_settings(steps, lr, precision), names(quantizers))
    request = experiment_request(
        tasks, out, data, only, encoder, train_rows, dev_rows, max_length, seeds, epochs, mean_layers, device, dtype
    )
    outcome = run_loo(request, plan, progress_line, Silent(), training_display_for(error_console()))
    print_outcome(outcome, as_json=as_json)
