"""What `encore evaluate` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from encore.cli.printing.classes import print_confusion
from encore.cli.printing.tables import print_pairs, print_table
from encore.featurestore.common import counted

if TYPE_CHECKING:
    from encore.heads import Evaluation

UNDEFINED = "not defined"


def print_evaluation(name: str, evaluation: Evaluation, blank: int = 0) -> None:
    """Print figures with their intervals, and which classes are confused.

    Args:
        name: name of the head.
        evaluation: the evaluation of its predictions.
        blank: rows of the label file that have no id or no label.
    """
    print_table(
        f"{name} on documents that it was trained on" if evaluation.measures_training else name,
        ["", "value", "95 % interval"],
        [*figures(evaluation), ("majority class", f"{evaluation.majority:.4f}", "")],
    )
    print_confusion(evaluation)
    lines = [("documents", f"{evaluation.documents:,} compared")]
    if evaluation.missing:
        lines.append(("missing", f"{evaluation.missing:,} labelled, not predicted"))
    if blank:
        lines.append(("labels", f"{counted(blank, 'row')} without an id or a label"))
    if evaluation.trained_on is None:
        lines.append(("trained on", "not known which of them: name the head's own folder, --head HEAD_DIR"))
    elif evaluation.trained_on:
        lines.append(("trained on", f"{evaluation.trained_on:,} of those compared"))
    print_pairs([*lines, *remarks(evaluation)])


def figures(evaluation: Evaluation) -> list[tuple[str, str, str]]:
    """Name, value and interval of each figure."""
    values = {"accuracy": evaluation.accuracy, "macro_f1": evaluation.macro_f1, "mcc": evaluation.mcc}
    rows = []
    for metric, value in values.items():
        interval = evaluation.intervals[metric]
        shown = UNDEFINED if value is None else f"{value:.4f}"
        between = UNDEFINED if interval is None else f"{interval[0]:.4f} to {interval[1]:.4f}"
        rows.append((metric.replace("_", " "), shown, between))
    return rows


def remarks(evaluation: Evaluation) -> list[tuple[str, str]]:
    """Reasons why a figure or its interval is undefined or uncertain."""
    lines = []
    if evaluation.mcc is None:
        lines.append(("mcc", f"{UNDEFINED}: the documents are all of one class"))
    elif len({*evaluation.confusion.predicted}) == 1:
        lines.append(("mcc", "0: the head gives every document the same class"))
    if evaluation.intervals["macro_f1"] is None:
        alike = evaluation.accuracy in (0, 1)
        reason = "all documents are right, or all wrong" if alike else "classes have too few documents to draw from"
        lines.append(("interval", f"of macro f1 {UNDEFINED}: {reason}"))
    return lines
