"""How an encoder is trained: the paper's appendix A, with a learning rate for short trainings."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

import torch

from encore.featurestore.errors import UsageError
from encore.featurestore.spec import EncoderSpec, require_summary

TRAINED_POSITIONS = ("cls", "mean")
PRECISIONS = ("auto", "float32", "bfloat16")


def settle_position(position: str | None, encoder: EncoderSpec) -> str:
    """How heads pool the last layer: as asked for, else ``cls`` if the first token sums up a text, else ``mean``.

    Raises:
        UsageError: ``cls`` is asked for, but the first token does not sum up a text.
    """
    if position == "cls":
        require_summary(encoder, "pooling")
    return position or ("cls" if encoder.no_summary is None else "mean")


@dataclass(frozen=True)
class TrainingSettings:
    """Hyper-parameters of one training of an encoder.

    The paper's learning rate of 1e-5 is for RoBERTa-large and far more steps. For minilm and 150 steps of 13 tasks 1e-4
    learned faster than 5e-5: the mean loss of steps 37 to 54 was 0.86 instead of 0.95.

    Attributes:
        steps: updates of the weights.
        samples: documents that a step takes from every task.
        temperature: T of `task_weights`.
        learning_rate: peak of the schedule, for the encoder.
        head_factor: learning rate of the heads, as a multiple of the encoder's: heads start from random weights.
        warmup: share of the steps over which the learning rate rises; then it falls to zero, both linearly.
        weight_decay, beta1, beta2, epsilon: of AdamW.
        position: what of the last layer goes to the heads: ``cls``, the first position, or ``mean``, all of them. None
            takes ``cls`` where the encoder's first token sums up a text, else ``mean``.
        max_length: tokens of a document, special tokens included; None takes the encoder's default.
        batch_tokens: padded tokens of one forward and backward pass. A step has as many passes as it needs. Its
            gradient depends on this number only by rounding and dropout. None takes the default of the device.
        precision: ``float32``, ``bfloat16`` (autocast; the weights stay float32), or ``auto``: bfloat16 on CUDA.
        seed: of the order of documents and of the dropout.

    Raises:
        UsageError: a value out of range.
    """

    steps: int = 1000
    samples: int = 4
    temperature: float = 0.1
    learning_rate: float = 1e-4
    head_factor: float = 10.0
    warmup: float = 0.06
    weight_decay: float = 0.01
    beta1: float = 0.9
    beta2: float = 0.98
    epsilon: float = 1e-6
    position: str | None = None
    max_length: int | None = None
    batch_tokens: int | None = None
    precision: str = "auto"
    seed: int = 0

    def __post_init__(self) -> None:
        for name, count in (("steps", self.steps), ("samples", self.samples), ("batch tokens", self.batch_tokens)):
            if count is not None and count < 1:
                raise UsageError(f"{name} {count}: expected at least 1")
        for name, rate in (("learning rate", self.learning_rate), ("head factor", self.head_factor)):
            if not math.isfinite(rate) or rate <= 0:
                raise UsageError(f"{name} {rate}: expected a number above 0")
        if not math.isfinite(self.temperature) or self.temperature < 0:
            raise UsageError(f"temperature {self.temperature}: expected a number from 0 on")
        if not 0 <= self.warmup < 1:
            raise UsageError(f"warm-up {self.warmup}: expected a share from 0 to below 1")
        if self.position not in (None, *TRAINED_POSITIONS):
            raise UsageError(f"pooling {self.position!r}: expected {' or '.join(TRAINED_POSITIONS)}")
        if self.precision not in PRECISIONS:
            raise UsageError(f"precision {self.precision!r}: expected {', '.join(PRECISIONS)}")

    def precision_on(self, device: torch.device) -> str:
        """``float32`` or ``bfloat16``: the type that this device computes in."""
        if self.precision != "auto":
            return self.precision
        return "bfloat16" if device.type == "cuda" else "float32"

    def for_encoder(self, encoder: EncoderSpec) -> Self:
        """These settings with the position that suits this encoder filled in; raises what `settle_position` raises."""
        return replace(self, position=settle_position(self.position, encoder))

    def to_dict(self) -> dict[str, Any]:
        """JSON."""
        return asdict(self)
