"""Confusion matrices as whole tables."""

from __future__ import annotations

import numpy as np

from encore.heads.metrics.confusion import Confusion


def confusion_of(rows: np.ndarray) -> Confusion:
    """Of a matrix (classes, classes), true class by row."""
    truth, predicted = np.nonzero(rows)
    return Confusion.of(
        np.repeat(truth, rows[truth, predicted]), np.repeat(predicted, rows[truth, predicted]), len(rows)
    )
