"""`encore experiment frozen`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from encore.cli.options.experiments import experiment_command

if TYPE_CHECKING:
    from encore.experiments.paper import ExperimentRequest


@experiment_command(seeds=3)
def frozen(
    request: ExperimentRequest,
    *,
    as_json: bool,
) -> None:
    """Heads on the frozen plain encoder, by five poolings: the paper's Table 3 (b).

    Example: encore experiment frozen paper --out results --train-rows 2000 --dev-rows 500 --max-length 128
    """
    from encore.cli.console.terminal import error_console  # noqa: PLC0415
    from encore.cli.printing.experiments.outcome import print_outcome, progress_line  # noqa: PLC0415
    from encore.experiments.paper import run_frozen  # noqa: PLC0415
    from encore.pipelines.progress import display_for  # noqa: PLC0415

    print_outcome(run_frozen(request, progress_line, display_for(error_console())), as_json=as_json)
