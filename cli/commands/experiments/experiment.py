"""`encore experiment`: the paper's settings, one command each."""

from __future__ import annotations

import typer

from encore.cli.commands.experiments import all_tasks as experiment_all_tasks
from encore.cli.commands.experiments import finetune as experiment_finetune
from encore.cli.commands.experiments import frozen as experiment_frozen
from encore.cli.commands.experiments import group_out as experiment_group_out
from encore.cli.commands.experiments import loo as experiment_loo
from encore.cli.commands.experiments import quantization as experiment_quantization
from encore.cli.commands.experiments import wsd as experiment_wsd


def register(app: typer.Typer) -> None:
    """Add the group of commands."""
    experiment = typer.Typer(
        help="The paper's experiments, on any encoder and any tasks. A finished cell is never measured again.",
        no_args_is_help=True,
    )
    for module in (
        experiment_frozen,
        experiment_loo,
        experiment_group_out,
        experiment_all_tasks,
        experiment_finetune,
        experiment_quantization,
        experiment_wsd,
    ):
        module.register(experiment)
    app.add_typer(experiment, name="experiment")
