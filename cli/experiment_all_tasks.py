"""`encore experiment all-tasks`."""

from __future__ import annotations

import typer

from cli.beam_options import beam_options
from cli.experiment_options import (
    DataOption,
    DevRowsOption,
    EncoderOption,
    ExperimentOutOption,
    MaxLengthOption,
    OnlyOption,
    SeedsOption,
    TasksArgument,
    TrainRowsOption,
    experiment_request,
)
from cli.experiment_training import EncoderRateOption, PrecisionOption, StepsOption, training_settings
from cli.options import DeviceOption, JsonOption


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("all-tasks")(all_tasks)


def all_tasks(
    context: typer.Context,
    tasks: TasksArgument,
    out: ExperimentOutOption,
    data: DataOption = None,
    only: OnlyOption = None,
    encoder: EncoderOption = "minilm",
    train_rows: TrainRowsOption = None,
    dev_rows: DevRowsOption = None,
    max_length: MaxLengthOption = None,
    seeds: SeedsOption = 1,
    steps: StepsOption = 1000,
    lr: EncoderRateOption = None,
    precision: PrecisionOption = "auto",
    device: DeviceOption = "auto",
    as_json: JsonOption = False,
) -> None:
    """The heads and the encoder trained jointly on all tasks, without further training: the paper's Table 3 (e).

    Example: encore experiment all-tasks paper --out results --steps 1000
    """
    beam_options(context, taken=False)
    from cli.experiment_output import print_outcome, progress_line  # noqa: PLC0415
    from cli.output import error_console  # noqa: PLC0415
    from experiments.all_tasks import run_all_tasks  # noqa: PLC0415
    from experiments.training_display import training_display_for  # noqa: PLC0415
    from pipelines.progress import Silent  # noqa: PLC0415

    training = training_settings(steps, lr, precision)
    request = experiment_request(
        tasks, out, data, only, encoder, train_rows, dev_rows, max_length, seeds, None, None, device, "float32"
    )
    outcome = run_all_tasks(request, training, progress_line, Silent(), training_display_for(error_console()))
    print_outcome(outcome, as_json=as_json)
