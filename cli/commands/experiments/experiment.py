"""`encore experiment`: the paper's settings, one command each."""

from __future__ import annotations

import typer

from encore.cli.commands.experiments import all_tasks, finetune, frozen, group_out, loo, quantization, wsd


def register(app: typer.Typer) -> None:
    """Add the group of commands."""
    experiment = typer.Typer(
        help="The paper's experiments, on any encoder and any tasks. A finished cell is never measured again.",
        no_args_is_help=True,
    )
    for module in (
        frozen,
        loo,
        group_out,
        all_tasks,
        finetune,
        quantization,
        wsd,
    ):
        module.register(experiment)
    app.add_typer(experiment, name="experiment")
