"""`encore experiment finetune`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from encore.cli.options.common import comma_list
from encore.cli.options.experiments import experiment_command
from encore.cli.options.joint_training import (
    EncoderRateOption,
    JointPoolingOption,
    PrecisionOption,
    StepsOption,
    training_settings,
)

if TYPE_CHECKING:
    from encore.experiments.paper import ExperimentRequest


@experiment_command(seeds=3, heads=False)
def finetune(
    request: ExperimentRequest,
    starts: Annotated[
        str, typer.Option("--starts", metavar="plain,loo", help="The plain encoder, the leave-one-out one, or both.")
    ] = "plain,loo",
    epochs: Annotated[int, typer.Option("--epochs", metavar="N", help="Passes over the training documents.")] = 10,
    batch_size: Annotated[int, typer.Option("--batch-size", metavar="N", help="Documents a step.")] = 32,
    tune_lr: Annotated[
        float, typer.Option("--tune-lr", metavar="X", help="Peak learning rate of the fine-tuning.")
    ] = 5e-5,
    steps: StepsOption = 1000,
    lr: EncoderRateOption = None,
    precision: PrecisionOption = "auto",
    pooling: JointPoolingOption = None,
    *,
    as_json: bool,
) -> None:
    """Every task fine-tuned end to end, from the plain encoder and from the leave-one-out one: the paper's Table 3 (a).

    Example: encore experiment finetune paper --out results --starts plain --epochs 3
    """
    from encore.cli.console.terminal import error_console  # noqa: PLC0415
    from encore.cli.printing.experiments.outcome import print_outcome, progress_line  # noqa: PLC0415
    from encore.experiments.paper import FinetunePlan, run_finetune  # noqa: PLC0415
    from encore.experiments.training import SingleTaskSettings, training_display_for  # noqa: PLC0415

    tuning = SingleTaskSettings(
        epochs=epochs, batch_size=batch_size, learning_rate=tune_lr, position=pooling, precision=precision
    )
    plan = FinetunePlan(tuning, training_settings(steps, lr, precision, pooling), comma_list(starts))
    outcome = run_finetune(request, plan, progress_line, training_display_for(error_console()))
    print_outcome(outcome, as_json=as_json)
