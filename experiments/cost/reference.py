"""The figures that the paper prints about cost, to compare with."""

from __future__ import annotations

from dataclasses import dataclass

ENCODER, DISTILLED, TASKS, TOKENS = "roberta-large", "distilroberta", 14, 50
"""The encoders, number of tasks and tokens of the paper's tables."""


@dataclass(frozen=True)
class PrintedFlops:
    """One entry of table 3's column of G FLOPs.

    Attributes:
        section: section of the table, ``a`` to ``e``.
        row: the row's name in the table.
        method: key of the `CostLine` of this entry.
        printed: printed G FLOPs for 14 tasks.
        misprint: whether the paper prints another figure for the same head everywhere else.
    """

    section: str
    row: str
    method: str
    printed: int
    misprint: bool = False


TABLE_3 = (
    PrintedFlops("a", "DistilRoBERTa", "distilled", 61),
    PrintedFlops("a", "RoBERTa", "fine_tuned", 430),
    PrintedFlops("a", "RoBERTa + leave-one-task-out multi-task pre-training", "fine_tuned", 430),
    *(
        PrintedFlops(section, row, method, printed)
        for section in "bc"
        for row, method, printed in (
            ("LAST-LAYER / CLS", "pooled", 31),
            ("LAST-LAYER / POSITION-AVG", "pooled", 31),
            ("LAST-LAYER / MHA", "attention", 34),
            ("LAYER-AVG / MHA", "attention", 34),
            ("LEARNED-COMB / MHA", "attention", 34),
        )
    ),
    PrintedFlops("c", "8-bit, LAYER-AVG / MHA", "attention", 34),
    PrintedFlops("c", "1-bit, LAYER-AVG / MHA", "attention", 34),
    PrintedFlops("d", "LAYER-AVG / MHA", "attention", 31, misprint=True),
    PrintedFlops("e", "LAST-LAYER / CLS", "pooled", 31),
)


def printed_flops(method: str) -> int | None:
    """The figure that table 3 prints for a method, without misprints; None where the table lacks the method."""
    return next((row.printed for row in TABLE_3 if row.method == method and not row.misprint), None)
