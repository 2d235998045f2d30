"""`encore experiment group-out`."""

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
def group_out(
    request: ExperimentRequest,
    groups: Annotated[
        str | None,
        typer.Option("--groups", metavar="GROUP,...", help="Leave out these groups alone.", show_default="each"),
    ] = None,
    steps: StepsOption = 1000,
    lr: EncoderRateOption = None,
    precision: PrecisionOption = "auto",
    pooling: JointPoolingOption = None,
    *,
    as_json: bool,
) -> None:
    """Heads on encoders trained jointly on the tasks of all other groups: the paper's Table 3 (d).

    Example: encore experiment group-out paper --out results --steps 1000
    """
    from encore.cli.console.terminal import error_console  # noqa: PLC0415
    from encore.cli.printing.experiments.outcome import print_outcome, progress_line  # noqa: PLC0415
    from encore.experiments.paper import LeaveOutPlan, run_group_out  # noqa: PLC0415
    from encore.experiments.training import training_display_for  # noqa: PLC0415
    from encore.pipelines.progress import display_for  # noqa: PLC0415

    plan = LeaveOutPlan(training_settings(steps, lr, precision, pooling), groups=comma_list(groups))
    outcome = run_group_out(
        request, plan, progress_line, display_for(error_console()), training_display_for(error_console())
    )
    print_outcome(outcome, as_json=as_json)
