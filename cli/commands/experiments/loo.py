"""`encore experiment loo`."""

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


@experiment_command(seeds=3)
def loo(
    request: ExperimentRequest,
    quantizers: Annotated[
        str, typer.Option("--quantizers", metavar="Q,...", help="Quantizers of the layer average, beside float16.")
    ] = "uint8,sign",
    steps: StepsOption = 1000,
    lr: EncoderRateOption = None,
    precision: PrecisionOption = "auto",
    pooling: JointPoolingOption = None,
    *,
    as_json: bool,
) -> None:
    """Heads on encoders trained jointly on all other tasks, by five poolings and quantizers: the paper's Table 3 (c).

    Example: encore experiment loo paper --out results --steps 1000
    """
    from encore.cli.console.terminal import error_console  # noqa: PLC0415
    from encore.cli.printing.experiments.outcome import print_outcome, progress_line  # noqa: PLC0415
    from encore.experiments.paper import LeaveOutPlan, run_loo  # noqa: PLC0415
    from encore.experiments.training import training_display_for  # noqa: PLC0415
    from encore.pipelines.progress import display_for  # noqa: PLC0415

    plan = LeaveOutPlan(training_settings(steps, lr, precision, pooling), comma_list(quantizers))
    outcome = run_loo(request, plan, progress_line, display_for(error_console()), training_display_for(error_console()))
    print_outcome(outcome, as_json=as_json)
