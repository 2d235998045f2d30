"""Tables about classes: documents of each class, recall, and confusion."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from encore.cli.console.terminal import console, printable
from encore.cli.printing.tables import print_table
from encore.heads.metrics import wilson_interval

if TYPE_CHECKING:
    from encore.heads import Evaluation

ALL_LISTED = 15
"""Up to this many classes, each is listed."""
WORST_LISTED = 10
"""With more classes: the number of classes of lowest recall, and of most confused pairs, that are listed."""
BORDERS = 3
"""Characters around a cell of a table."""


def print_classes(evaluation: Evaluation | None, classes: Sequence[str], trained: Sequence[int] | None = None) -> None:
    """Print recall by class with its interval, for every class or for those of lowest recall.

    Args:
        evaluation: figures of these classes; None where nothing was measured.
        classes: names of the classes.
        trained: (classes,) number of training documents of each; None leaves the column out.
    """
    truth, right = (np.zeros(len(classes), np.int64),) * 2 if evaluation is None else _measured(evaluation)
    places = list(range(len(classes)))
    title = "classes"
    if len(classes) > ALL_LISTED:
        # A class without documents was not measured. Of classes with equal recall, more documents make it more certain.
        places.sort(key=lambda at: (not truth[at], right[at] / max(1, truth[at]), -truth[at]))
        if evaluation is None and trained is not None:
            places.sort(key=lambda at: trained[at])
        places = places[:WORST_LISTED]
        kind = "of the fewest documents" if evaluation is None else "of the lowest recall"
        title = f"{len(places)} of {len(classes):,} classes: those {kind}"
    columns = ["class", *([] if trained is None else ["trained on"])]
    columns += [] if evaluation is None else ["measured on", "recall", "95 % interval"]
    rows = [
        (
            classes[at],
            *([] if trained is None else [f"{trained[at]:,}"]),
            *([] if evaluation is None else _recall(int(right[at]), int(truth[at]))),
        )
        for at in places
    ]
    print_table(title, columns, rows)


def print_confusion(evaluation: Evaluation) -> None:
    """Print the confusion matrix if the terminal is wide enough; else recall by class, and the most confused pairs."""
    names, counts = evaluation.classes, evaluation.confusion
    widths = [max(len(printable(name)), len(str(max(counts.documents)))) + BORDERS for name in names]
    first = max(len(printable(name)) for name in names) + BORDERS
    if len(names) <= ALL_LISTED and first + sum(widths) < console().width:
        print_table(
            "confusion: true class by row, predicted class by column",
            ["", *names],
            [(name, *row) for name, row in zip(names, counts.to_rows(), strict=True)],
        )
        return
    print_classes(evaluation, names)
    wrong = [
        (documents, truth, predicted)
        for truth, predicted, documents in zip(counts.truth, counts.predicted, counts.documents, strict=True)
        if truth != predicted
    ]
    if not wrong:
        return
    wrong.sort(key=lambda cell: (-cell[0], cell[1:]))
    print_table(
        "confused most",
        ["true class", "predicted class", "documents"],
        [(names[truth], names[predicted], f"{documents:,}") for documents, truth, predicted in wrong[:WORST_LISTED]],
    )


def _measured(evaluation: Evaluation) -> tuple[np.ndarray, np.ndarray]:
    counts = evaluation.counts
    return counts.truth, counts.right


def _recall(right: int, documents: int) -> tuple[str, str, str]:
    if not documents:
        return "0", "not measured", ""
    low, high = wilson_interval(right, documents)
    return f"{documents:,}", f"{right / documents:.4f}", f"{low:.4f} to {high:.4f}"
