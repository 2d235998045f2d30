"""The options that all experiments share. Each command adds its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from inspect import Parameter, Signature, signature
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from encore.cli.options.beam import beam_options
from encore.cli.options.common import DeviceOption, DtypeOption, EncoderOption, JsonOption, MaxLengthOption, comma_list
from encore.cli.options.sync import no_sync_option

if TYPE_CHECKING:
    from encore.experiments.paper import ExperimentRequest

TasksArgument = Annotated[
    str, typer.Argument(metavar="TASKS", help="A TOML registry of tasks, or the word paper for the paper's 14.")
]
OutOption = Annotated[
    str, typer.Option("--out", metavar="DIR", help="Results, and what is made on the way; experiments may share it.")
]
DataOption = Annotated[
    str | None,
    typer.Option(
        "--data",
        metavar="DIR",
        help="Folder that the registry's relative paths start from; for paper also by ENCORE_DATA.",
        show_default="the registry's own folder",
    ),
]
OnlyOption = Annotated[
    str | None,
    typer.Option("--only", metavar="TASK,...", help="Measure these tasks alone.", show_default="all of them"),
]
TrainRowsOption = Annotated[
    int | None,
    typer.Option("--train-rows", metavar="N", help="Training documents of a task at most.", show_default="all"),
]
DevRowsOption = Annotated[
    int | None, typer.Option("--dev-rows", metavar="N", help="Dev documents of a task at most.", show_default="all")
]
SeedsOption = Annotated[int, typer.Option("--seeds", metavar="N", help="Trainings of each cell.")]
EpochsOption = Annotated[
    int | None,
    typer.Option("--epochs", metavar="N", help="Passes over the training documents.", show_default="as encore train"),
]
MeanLayersOption = Annotated[
    int | None,
    typer.Option("--mean-layers", metavar="M", help="Layers of LAYER-AVG.", show_default="16, or all where fewer"),
]

FIRST: Mapping[str, tuple[Any, Any]] = {
    "tasks": (TasksArgument, Parameter.empty),
    "out": (OutOption, Parameter.empty),
    "data": (DataOption, None),
    "only": (OnlyOption, None),
    "encoder": (EncoderOption, "minilm"),
}
"""Shared options before a command's own: name → type and default."""

SIZES: Mapping[str, tuple[Any, Any]] = {
    "train_rows": (TrainRowsOption, None),
    "dev_rows": (DevRowsOption, None),
    "max_length": (MaxLengthOption, None),
    "device": (DeviceOption, "auto"),
}
"""Shared options after a command's own."""

HEADS: Mapping[str, tuple[Any, Any]] = {
    "epochs": (EpochsOption, None),
    "mean_layers": (MeanLayersOption, None),
    "dtype": (DtypeOption, "float32"),
}
"""Options of experiments that train heads on frozen features."""

LAST: Mapping[str, tuple[Any, Any]] = {"as_json": (JsonOption, False)}


def experiment_command(*, seeds: int, heads: bool = True) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """A decorator that adds the shared options to a command.

    The decorated function is called with its own options, with ``request``, the `ExperimentRequest` made from the
    shared options, and with ``as_json``.

    Args:
        seeds: default of ``--seeds``.
        heads: whether heads are trained on frozen features.
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        # Not imported at the top: the class of the request imports torch, and --help should answer at once.
        hints = get_type_hints(command, localns={"ExperimentRequest": object}, include_extras=True)
        parameters = signature(command).parameters
        own = {
            key: (hints[key], parameter.default)
            for key, parameter in parameters.items()
            if key not in ("request", "as_json")
        }
        sizes = {**SIZES, "seeds": (SeedsOption, seeds)}
        options = {**FIRST, **own, **sizes, **(HEADS if heads else {}), **LAST}

        def run(context: typer.Context, **values: Any) -> None:
            beam_options(context, runs_job=False)
            shared = {key: value for key, value in values.items() if key not in own and key != "as_json"}
            more = {key: values[key] for key in own}
            command(request=_request(**shared), as_json=values["as_json"], **more)

        # Typer reads a command's options from its signature.
        run.__doc__ = command.__doc__
        run.__annotations__ = {"context": typer.Context, **{key: kind for key, (kind, _) in options.items()}}
        first = [Parameter("context", Parameter.KEYWORD_ONLY, annotation=typer.Context)]
        others = [
            Parameter(key, Parameter.KEYWORD_ONLY, annotation=kind, default=default)
            for key, (kind, default) in options.items()
        ]
        vars(run)["__signature__"] = Signature([*first, *others])
        return no_sync_option(run)

    return decorate


def _request(tasks: str, out: str, data: str | None, only: str | None, **sizes: Any) -> ExperimentRequest:
    from encore.experiments.bench import load_tasks  # noqa: PLC0415
    from encore.experiments.paper import ExperimentRequest  # noqa: PLC0415
    from encore.featurestore.storage import local_folder  # noqa: PLC0415

    folder = local_folder(out, "--out")
    return ExperimentRequest(tasks=load_tasks(tasks, data), out=folder, only=comma_list(only), **sizes)
