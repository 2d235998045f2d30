"""What `encore evaluate` prints."""

from __future__ import annotations

from cli.output import print_pairs, print_table
from heads import Evaluation

WIDEST_CONFUSION = 15
"""Classes up to which the confusion matrix fits on a terminal; --json has it for any number."""


def print_evaluation(name: str, evaluation: Evaluation) -> None:
    """Figures with their intervals, and the confusion matrix where it fits."""
    figures = {"accuracy": evaluation.accuracy, "macro_f1": evaluation.macro_f1, "mcc": evaluation.mcc}
    rows = []
    for metric, value in figures.items():
        low, high = evaluation.intervals[metric]
        rows.append((metric.replace("_", " "), f"{value:.4f}", f"{low:.4f} to {high:.4f}"))
    rows.append(("majority class", f"{evaluation.majority:.4f}", ""))
    print_table(name, ["", "value", "95 % interval"], rows)
    if len(evaluation.classes) <= WIDEST_CONFUSION:
        print_table(
            "confusion: true class by row, predicted class by column",
            ["", *evaluation.classes],
            [(label, *counts) for label, counts in zip(evaluation.classes, evaluation.confusion, strict=True)],
        )
    print_pairs(
        [
            ("documents", f"{evaluation.documents:,} compared"),
            *([("missing", f"{evaluation.missing:,} labelled, not predicted")] if evaluation.missing else []),
        ]
    )
