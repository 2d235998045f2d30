"""95 % intervals of means over seeds and over tasks."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from encore.heads.metrics import Z_95

T_95 = (
    *(12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060, 2.2622, 2.2281),
    *(2.2010, 2.1788, 2.1604, 2.1448, 2.1314, 2.1199, 2.1098, 2.1009, 2.0930, 2.0860),
    *(2.0796, 2.0739, 2.0687, 2.0639, 2.0595, 2.0555, 2.0518, 2.0484, 2.0452, 2.0423),
)
"""97.5 % quantiles of Student's t with 1, 2, … degrees of freedom; beyond 30 the normal's is within 4 %."""


def half_width(values: npt.NDArray[np.float64]) -> float | None:
    """Half the 95 % interval of a mean by Student's t; ``values`` (n,). None for a single value, which has none."""
    count = len(values)
    if count < 2:
        return None
    quantile = T_95[count - 2] if count - 2 < len(T_95) else Z_95
    return float(quantile * values.std(ddof=1) / math.sqrt(count))


def sampling_half_width(accuracies: npt.NDArray[np.float64], documents: npt.NDArray[np.int64]) -> float:
    """Half the 95 % interval of a mean accuracy over tasks, for the dev documents being a sample.

    Args:
        accuracies: (tasks,) shares.
        documents: (tasks,) dev documents of each.
    """
    variance = (accuracies * (1 - accuracies) / documents).sum() / len(accuracies) ** 2
    return float(Z_95 * math.sqrt(variance))
