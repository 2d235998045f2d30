"""The option ``--no-sync`` of all commands that write data: do not sync it to the disk."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import wraps
from inspect import Parameter, Signature, signature
from typing import Annotated, Any, get_type_hints

import typer

NO_SYNC = "ENCORE_NO_SYNC"
"""The same as in `encore.featurestore.storage.sync`, which is not imported for --help."""

NoSyncOption = Annotated[
    bool,
    typer.Option(
        "--no-sync", help=f"Leave it to the system when files reach the disk: for scratch; also by {NO_SYNC}=1."
    ),
]


def no_sync_option(command: Callable[..., None]) -> Callable[..., None]:
    """A command with ``--no-sync`` as its last option. Workers of its job on this machine follow it too."""

    @wraps(command)
    def run(*args: Any, no_sync: bool = False, **values: Any) -> None:
        if no_sync:
            os.environ[NO_SYNC] = "1"
        command(*args, **values)

    # Typer reads a command's options from its signature.
    hints = get_type_hints(command, include_extras=True) | {"no_sync": NoSyncOption}
    parameters = [*signature(command).parameters.values(), Parameter("no_sync", Parameter.KEYWORD_ONLY, default=False)]
    run.__annotations__ = hints
    vars(run)["__signature__"] = Signature([it.replace(annotation=hints[it.name]) for it in parameters])
    return run
