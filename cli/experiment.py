"""`encore experiment`: the paper's settings, one command each."""

from __future__ import annotations

import typer

from encore.cli import (
    experiment_all_tasks,
    experiment_finetune,
    experiment_frozen,
    experiment_group_out,
    experiment_loo,
    experiment_quantization,
    experiment_wsd,
)


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
