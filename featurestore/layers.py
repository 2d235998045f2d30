"""Which encoder layers a stored vector comes from: the paper's layer-wise pooling (section 4)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from encore.featurestore.errors import UsageError

DEFAULT_MEAN = 16
"""LAYER-AVG over the last 16 layers worked best for RoBERTa-large (paper, section 4)."""


@dataclass(frozen=True)
class LayerPooling:
    """One of ``last``, ``layer:k``, ``mean:m`` and ``stack:m``.

    Layers are numbered 1 to L as the encoder runs them; the embedding layer is not counted.
    ``mean:m`` and ``stack:m`` take the last m layers, lowest first.

    Attributes:
        kind: ``last``, ``layer``, ``mean`` or ``stack``.
        count: k or m; 1 for ``last``.

    Raises:
        UsageError: unknown kind or a count below 1.
    """

    kind: str
    count: int = 1

    KINDS: ClassVar[tuple[str, ...]] = ("last", "layer", "mean", "stack")

    def __post_init__(self) -> None:
        if self.kind not in self.KINDS or self.count < 1 or (self.kind == "last" and self.count != 1):
            raise UsageError(
                f"layers {self.kind}:{self.count}: expected last, layer:k, mean:m or stack:m with k, m ≥ 1"
            )

    @classmethod
    def parse(cls, text: str) -> LayerPooling:
        """Read ``last``, ``layer:4``, ``mean:6`` or ``stack:6``."""
        match = re.fullmatch(r"(last)|(layer|mean|stack):([0-9]{1,9})", text)
        if match is None:
            raise UsageError(f"layers {text!r}: expected last, layer:k, mean:m or stack:m, for example mean:6")
        return cls("last") if match[1] else cls(match[2], int(match[3]))

    @classmethod
    def default(cls, num_layers: int) -> LayerPooling:
        """``mean:16``, or the mean of every layer where the encoder has fewer."""
        return cls("mean", min(DEFAULT_MEAN, num_layers))

    def check(self, num_layers: int) -> None:
        """Raise UsageError unless an encoder of ``num_layers`` layers can give this pooling."""
        if self.count > num_layers:
            raise UsageError(f"layers {self}: the encoder has {num_layers} layers; ask for 1 to {num_layers}")

    def layer_numbers(self, num_layers: int) -> range:
        """The layers that take part, numbered 1 to ``num_layers``, lowest first."""
        if self.kind == "layer":
            return range(self.count, self.count + 1)
        return range(num_layers - self.count + 1, num_layers + 1)

    @property
    def stacked(self) -> int | None:
        """The m of ``stack:m``: the length of the extra layer axis; None where there is none."""
        return self.count if self.kind == "stack" else None

    def __str__(self) -> str:
        return "last" if self.kind == "last" else f"{self.kind}:{self.count}"
