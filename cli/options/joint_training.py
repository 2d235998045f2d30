"""Options of the experiments that train encoders."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from encore.encoders.training import TrainingSettings

StepsOption = Annotated[int, typer.Option("--steps", metavar="N", help="Steps of the joint training of an encoder.")]
EncoderRateOption = Annotated[
    float | None,
    typer.Option("--lr", metavar="X", help="Peak learning rate of the encoder.", show_default="as encore multitask"),
]
PrecisionOption = Annotated[
    str,
    typer.Option("--precision", metavar="NUMBERS", help="auto, float32 or bfloat16: what the training computes in."),
]


JointPoolingOption = Annotated[
    str | None,
    typer.Option(
        "--pooling",
        metavar="cls|mean",
        help="What heads that are trained with the encoder read of its last layer.",
        show_default="cls where the first token sums up a text, else mean",
    ),
]


def training_settings(steps: int, lr: float | None, precision: str, pooling: str | None) -> TrainingSettings:
    """The training settings, made from the shared options."""
    from encore.encoders.training import TrainingSettings  # noqa: PLC0415

    rate = TrainingSettings.learning_rate if lr is None else lr
    return TrainingSettings(steps=steps, learning_rate=rate, precision=precision, position=pooling)
