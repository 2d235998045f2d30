"""`encore experiment finetune`."""

from __future__ import annotations

from typing import Annotated

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
    names,
)
from cli.experiment_training import EncoderRateOption, PrecisionOption, StepsOption, training_settings
from cli.options import DeviceOption, JsonOption


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("finetune")(finetune)


def finetune(
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
    starts: Annotated[
        str, typer.Option("--starts", metavar="plain,loo", help="The plain encoder, the leave-one-out one, or both.")
    ] = "plain,loo",
    epochs: Annotated[int, typer.Option("--epochs", metavar="N", help="Passes over the training documents.")] = 10,
    batch_size: Annotated[int, typer.Option("--batch-size", metavar="N", help="Documents a step.")] = 32,
    tune_lr: Annotated[
        float | None,
        typer.Option("--tune-lr", metavar="X", help="Peak learning rate of the fine-tuning.", show_default="5e-5"),
    ] = None,
    steps: StepsOption = 1000,
    lr: EncoderRateOption = None,
    precision: PrecisionOption = "auto",
    device: DeviceOption = "auto",
    as_json: JsonOption = False,
) -> None:
    """Every task fine-tuned end to end, from the plain encoder and from the leave-one-out one: the paper's Table 3 (a).

    Example: encore experiment finetune paper --out results --starts plain --epochs 3
    """
    beam_options(context, taken=False)
    from cli.experiment_output import print_outcome, progress_line  # noqa: PLC0415
    from cli.output import error_console  # noqa: PLC0415
    from experiments.fine_tuning import FinetunePlan, run_finetune  # noqa: PLC0415
    from experiments.finetune_task import FinetuneSettings  # noqa: PLC0415
    from experiments.training_display import training_display_for  # noqa: PLC0415

    tuning = FinetuneSettings(
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=FinetuneSettings.learning_rate if tune_lr is None else tune_lr,
        precision=precision,
    )
    plan = FinetunePlan(tuning, training_settings(steps, lr, precision), names(starts))
    request = experiment_request(
        tasks, out, data, only, encoder, train_rows, dev_rows, max_length, seeds, None, None, device, "float32"
    )
    print_outcome(run_finetune(request, plan, progress_line, training_display_for(error_console())), as_json=as_json)
