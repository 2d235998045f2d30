"""Options that the experiments share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from experiments.request import ExperimentRequest

TasksArgument = Annotated[
    str, typer.Argument(metavar="TASKS", help="A TOML registry of tasks, or the word paper for the paper's 14.")
]
ExperimentOutOption = Annotated[
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
EncoderOption = Annotated[
    str, typer.Option("--encoder", metavar="NAME|hf:ID|PATH", help="minilm, a hub id, or a folder with safetensors.")
]
TrainRowsOption = Annotated[
    int | None,
    typer.Option("--train-rows", metavar="N", help="Training documents of a task at most.", show_default="all"),
]
DevRowsOption = Annotated[
    int | None, typer.Option("--dev-rows", metavar="N", help="Dev documents of a task at most.", show_default="all")
]
MaxLengthOption = Annotated[
    int | None,
    typer.Option("--max-length", metavar="N", help="Tokens of a document.", show_default="the encoder's own limit"),
]
SeedsOption = Annotated[int, typer.Option("--seeds", metavar="N", help="Heads trained for each cell.")]
EpochsOption = Annotated[
    int | None,
    typer.Option("--epochs", metavar="N", help="Passes over the training documents.", show_default="as encore train"),
]
MeanLayersOption = Annotated[
    int | None,
    typer.Option("--mean-layers", metavar="M", help="Layers of LAYER-AVG.", show_default="16, or all where fewer"),
]
DtypeOption = Annotated[
    str, typer.Option("--dtype", metavar="float32|bfloat16|float16", help="What the frozen encoder computes in.")
]


def experiment_request(
    tasks: str,
    out: str,
    data: str | None,
    only: str | None,
    encoder: str,
    train_rows: int | None,
    dev_rows: int | None,
    max_length: int | None,
    seeds: int,
    epochs: int | None,
    mean_layers: int | None,
    device: str,
    dtype: str,
) -> ExperimentRequest:
    """The request that the shared options make."""
    from pathlib import Path  # noqa: PLC0415

    from experiments.request import ExperimentRequest  # noqa: PLC0415
    from experiments.tasks import load_tasks  # noqa: PLC0415

    return ExperimentRequest(
        tasks=load_tasks(tasks, data),
        out=Path(out).expanduser(),
        only=names(only),
        encoder=encoder,
        train_rows=train_rows,
        dev_rows=dev_rows,
        max_length=max_length,
        seeds=seeds,
        epochs=epochs,
        mean_layers=mean_layers,
        device=device,
        dtype=dtype,
    )


def names(text: str | None) -> tuple[str, ...]:
    """The words of a list with commas."""
    return tuple(word.strip() for word in (text or "").split(",") if word.strip())
