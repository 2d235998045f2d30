"""`encore multitask`."""

from __future__ import annotations

from typing import Annotated

import typer

from encore.cli.options.beam import beam_options
from encore.cli.options.common import DeviceOption, EncoderOption, JsonOption, MaxLengthOption, comma_list
from encore.cli.options.experiments import DataOption, TasksArgument
from encore.cli.options.joint_training import JointPoolingOption
from encore.cli.options.sync import no_sync_option


@no_sync_option
def multitask(
    context: typer.Context,
    tasks: TasksArgument,
    out: Annotated[str, typer.Option("--out", metavar="ENCODER_DIR", help="Where the trained encoder goes.")],
    data: DataOption = None,
    encoder: EncoderOption = "minilm",
    without: Annotated[
        str, typer.Option(metavar="TASK,TASK", help="Tasks of the registry to leave out.", show_default=False)
    ] = "",
    train_rows: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="Training documents of a task; all unless given.", show_default=False),
    ] = None,
    dev_rows: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="Dev documents of a task; all unless given.", show_default=False),
    ] = None,
    steps: Annotated[int, typer.Option(metavar="N", help="Updates of the weights.")] = 1000,
    samples: Annotated[int, typer.Option(metavar="N", help="Documents that a step takes from every task.")] = 4,
    temperature: Annotated[float, typer.Option(metavar="T", help="1 weighs tasks by their size, 0 all alike.")] = 0.1,
    lr: Annotated[float, typer.Option("--lr", metavar="X", help="Peak of the learning rate.")] = 1e-4,
    pooling: JointPoolingOption = None,
    max_length: MaxLengthOption = None,
    batch_tokens: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            help="Padded tokens of one forward and backward pass; fewer take less memory.",
            show_default=False,
        ),
    ] = None,
    seed: Annotated[int, typer.Option(metavar="N", help="Same seed, same encoder on the same machine.")] = 0,
    precision: Annotated[
        str, typer.Option(metavar="NUMBERS", help="auto, float32 or bfloat16; auto is bfloat16 on CUDA.")
    ] = "auto",
    device: DeviceOption = "auto",
    checkpoint_steps: Annotated[
        int, typer.Option(metavar="N", min=1, help="Steps between two checkpoints to resume from.")
    ] = 100,
    as_json: JsonOption = False,
) -> None:
    """Train an encoder jointly on many tasks; the result is an encoder directory that holds its heads too.

    Example: encore multitask tasks.toml --out models/joint --steps 2000

    The same command resumes an interrupted training.
    """
    beam_options(context, runs_job=False)
    from encore.cli.console.terminal import error_console  # noqa: PLC0415
    from encore.cli.printing.experiments.multitask import print_multitask  # noqa: PLC0415
    from encore.encoders.training import TrainingSettings  # noqa: PLC0415
    from encore.experiments.bench import load_tasks  # noqa: PLC0415
    from encore.experiments.training import (  # noqa: PLC0415
        MultitaskRequest,
        train_multitask,
        training_display_for,
    )
    from encore.featurestore.storage import local_folder  # noqa: PLC0415

    registry = load_tasks(tasks, data)
    request = MultitaskRequest(
        tasks=registry.without(comma_list(without)),
        out=local_folder(out, "--out"),
        encoder=encoder,
        train_rows=train_rows,
        dev_rows=dev_rows,
        settings=TrainingSettings(
            steps=steps,
            samples=samples,
            temperature=temperature,
            learning_rate=lr,
            position=pooling,
            max_length=max_length,
            batch_tokens=batch_tokens,
            precision=precision,
            seed=seed,
        ),
        device=device,
        checkpoint_steps=checkpoint_steps,
    )
    result = train_multitask(request, training_display_for(error_console()))
    print_multitask(result, as_json=as_json)
