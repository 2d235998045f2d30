"""FLOPs of answering tasks about one text (paper, table 3 and figure 4). A multiply-add counts as two FLOPs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

from encore.experiments.cost.encoder_shapes import EncoderShape
from encore.heads.attention_sizes import default_heads


def paper_attention_flops(width: int, tokens: int) -> int:
    """One task's attention as the paper counts it: keys and values of every token, 2 · 2 · d² · T."""
    return 4 * width**2 * tokens


def folded_attention_flops(width: int, tokens: int, queries: int = 1) -> int:
    """One task's attention as Encore computes it: 2 · 2 · H · d · T + 4 d² for each learned query.

    The first term is scores and weighted sums over the tokens for H heads. The second is value and output projection,
    once after the sum.

    Args:
        width: d; H is d / 64.
        tokens: T.
        queries: learned queries of the task.
    """
    return queries * (4 * default_heads(width) * width * tokens + 4 * width**2)


def pair_attention_flops(width: int, tokens: int) -> int:
    """One task's attention over each text of a pair, 6 · H · d · T + 2 · 4 d².

    Scores are computed once over all tokens. Each text has a weighted sum over all tokens, in which tokens of the other
    text have weight 0.

    Args:
        width: d; H is d / 64.
        tokens: T of both texts together.
    """
    return 6 * default_heads(width) * width * tokens + 8 * width**2


def classifier_flops(width: int, queries: int = 1) -> int:
    """The hidden map of one task's classifier, over the pooled vectors of all queries side by side: 2 · N · d².

    The paper's figures leave it out. They also leave out the map to the classes.
    """
    return 2 * queries * width**2


@dataclass(frozen=True)
class CostLine:
    """FLOPs of one text as a linear function of the number of tasks: a line of figure 4.

    Attributes:
        key: short name for programs.
        name: name for people.
        intercept: FLOPs that are spent once.
        slope: FLOPs of each task.
    """

    key: str
    name: str
    intercept: int
    slope: int

    def at(self, tasks: int) -> int:
        """FLOPs for this many tasks."""
        return self.intercept + tasks * self.slope

    def break_even(self, other: Self) -> float | None:
        """Number of tasks from which on this line stays below ``other``, as a fraction; None where it never does.

        The result is 0 where the line is below from the first task on.
        """
        if self.slope == other.slope:
            return 0.0 if self.intercept < other.intercept else None
        if self.slope > other.slope:
            return None
        return max(0.0, (self.intercept - other.intercept) / (other.slope - self.slope))


@dataclass(frozen=True)
class Methods:
    """The ways of answering tasks that the paper compares, and the folded attention.

    Attributes:
        fine_tuned: an encoder of its own for each task.
        distilled: a smaller one for each task.
        pooled: one frozen encoder; tasks pool by cls or mean. That pooling is not counted.
        attention: one frozen encoder; each task's attention as the paper counts it.
        folded: one frozen encoder; each task's attention as Encore computes it.
    """

    fine_tuned: CostLine
    distilled: CostLine
    pooled: CostLine
    attention: CostLine
    folded: CostLine

    @classmethod
    def of(cls, shape: EncoderShape, distilled: EncoderShape, tokens: int, queries: int = 1) -> Self:
        """The methods for an encoder, the distilled one to compare with, and texts of ``tokens`` tokens."""
        once, d = shape.pass_flops(tokens), shape.hidden_size
        folded = "frozen, attention folded" + ("" if queries == 1 else f" × {queries}")
        return cls(
            CostLine("fine_tuned", f"{shape.name} per task", 0, once),
            CostLine("distilled", f"{distilled.name} per task", 0, distilled.pass_flops(tokens)),
            CostLine("pooled", "frozen, cls or mean", once, 0),
            CostLine("attention", "frozen, paper's attention", once, paper_attention_flops(d, tokens)),
            CostLine("folded", folded, once, folded_attention_flops(d, tokens, queries)),
        )

    @property
    def lines(self) -> tuple[CostLine, ...]:
        """All of them, in the order of table 3."""
        return (self.fine_tuned, self.distilled, self.pooled, self.attention, self.folded)

    @property
    def frozen(self) -> tuple[CostLine, ...]:
        """Those that run the encoder once."""
        return (self.pooled, self.attention, self.folded)


def round_up(tasks: float) -> str:
    """A break-even rounded up to two digits, since fewer tasks would not reach it."""
    # 7.1 is 7.1000000000000005 in binary. Rounding to nine digits first keeps 7.1.
    return f"{math.ceil(round(tasks * 100, 9)) / 100:.2f}"


def first_cheaper(tasks: float) -> int:
    """The smallest whole number of tasks above a break-even. At the break-even itself both ways cost the same."""
    return max(1, math.floor(tasks) + 1)
