"""`encore experiment all-tasks`."""

from __future__ import annotations

from typing import TYPE_CHECKING

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


@experiment_command(seeds=1, heads=False)
def all_tasks(
    request: ExperimentRequest,
    steps: StepsOption = 1000,
    lr: EncoderRateOption = None,
    precision: PrecisionOption = "auto",
    pooling: JointPoolingOption = None,
    *,
    as_json: bool,
) -> None:
    """The encoder and the heads trained jointly on all tasks, without further training: the paper's Table 3 (e).

    Example: encore experiment all-tasks paper --out results --steps 1000
    """
    from encore.cli.console.terminal import error_console  # noqa: PLC0415
    from encore.cli.printing.experiments.outcome import print_outcome, progress_line  # noqa: PLC0415
    from encore.experiments.paper import run_all_tasks  # noqa: PLC0415
    from encore.experiments.training import training_display_for  # noqa: PLC0415
    from encore.pipelines.progress import display_for  # noqa: PLC0415

    training = training_settings(steps, lr, precision, pooling)
    outcome = run_all_tasks(
        request, training, progress_line, display_for(error_console()), training_display_for(error_console())
    )
    print_outcome(outcome, as_json=as_json)
