"""`encore experiment quantization`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from encore.cli.options.common import comma_list
from encore.cli.options.experiments import experiment_command

if TYPE_CHECKING:
    from encore.experiments.paper import ExperimentRequest


@experiment_command(seeds=5)
def quantization(
    request: ExperimentRequest,
    quantizers: Annotated[
        str, typer.Option("--quantizers", metavar="Q[/Nq],...", help="Quantizers, and queries of the head.")
    ] = "float16,uint8:per-tensor,uint8:per-dimension,sign",
    placements: Annotated[
        str, typer.Option("--placements", metavar="after,before", help="Quantize after or before layer pooling.")
    ] = "after,before",
    *,
    as_json: bool,
) -> None:
    """Accuracy by quantizer on the frozen encoder, paired with float16 by task and seed: the paper's section 6.3.

    Example: encore experiment quantization paper --out results --quantizers uint8,sign,sign/4q
    """
    from encore.cli.console.terminal import error_console  # noqa: PLC0415
    from encore.cli.printing.experiments.outcome import print_outcome, progress_line  # noqa: PLC0415
    from encore.experiments.paper import QuantizationGrid, run_quantization  # noqa: PLC0415
    from encore.pipelines.progress import display_for  # noqa: PLC0415

    grid = QuantizationGrid(comma_list(quantizers), comma_list(placements))
    print_outcome(run_quantization(request, grid, progress_line, display_for(error_console())), as_json=as_json)
