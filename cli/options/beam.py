"""Beam's own options, which follow ``--`` on the command line."""

from __future__ import annotations

from dataclasses import dataclass

import typer


@dataclass(frozen=True)
class BeamOptions:
    """The words after ``--``, as given."""

    words: tuple[str, ...] = ()


def beam_options(context: typer.Context, *, runs_job: bool = True) -> tuple[str, ...]:
    """Beam's options of this call.

    Raises:
        typer.BadParameter: options for a command that runs no Beam job.
    """
    found = context.obj if isinstance(context.obj, BeamOptions) else BeamOptions()
    if found.words and not runs_job:
        raise typer.BadParameter(f"{context.info_name} runs no Beam job, so nothing may follow --")
    return found.words
