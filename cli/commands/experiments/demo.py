"""`encore demo`."""

from __future__ import annotations

from typing import Annotated

import typer

from encore.cli.options.beam import beam_options
from encore.cli.options.common import EncoderOption
from encore.cli.options.sync import no_sync_option


@no_sync_option
def demo(
    context: typer.Context,
    out: Annotated[str, typer.Option("--out", metavar="DIR", help="Where everything goes.")] = "demo-output",
    encoder: EncoderOption = "minilm",
) -> None:
    """The whole loop on the docstrings of Python's own library: encode once, train and score two tasks from the store.

    Example: encore demo
    """
    beam_options(context, runs_job=False)
    from encore.cli.console.terminal import error_console  # noqa: PLC0415
    from encore.cli.printing.experiments.demo import print_demo, print_step  # noqa: PLC0415
    from encore.experiments.demo.loop import run_demo  # noqa: PLC0415
    from encore.featurestore.storage import local_folder  # noqa: PLC0415
    from encore.pipelines.progress import display_for  # noqa: PLC0415

    result = run_demo(local_folder(out, "--out"), encoder, print_step, display_for(error_console()))
    print_demo(result)
