"""How much the loss of each task counts in the sum (paper, section 3.3.2)."""

from __future__ import annotations

import math
from collections.abc import Mapping

from encore.featurestore.errors import UsageError


def task_weights(sizes: Mapping[str, int], temperature: float) -> dict[str, float]:
    """Weights of the tasks' losses: α_i = D_i^T / Σ_j D_j^T.

    The paper prints the exponent 1/T, and says that T = 1 weighs tasks in proportion to their size, that T → 0 weighs
    them alike, and that T = 0.1 was used. Both statements hold for the exponent T only, so that is what is computed.
    With T = 0.1 a task a thousand times as large counts twice as much.

    Args:
        sizes: task → training documents D_i, at least 1.
        temperature: T, at least 0; 0 weighs all tasks alike.

    Returns:
        Task → weight; they sum to 1.

    Raises:
        UsageError: no task, or a temperature that is negative or no number.
    """
    if not math.isfinite(temperature) or temperature < 0:
        raise UsageError(f"temperature {temperature}: expected a number from 0 on")
    if not sizes:
        raise UsageError("multi-task training: no task is left to train on; name more tasks")
    # Relative to the largest, so that no power overflows.
    largest = max(sizes.values())
    powers = {task: (size / largest) ** temperature for task, size in sizes.items()}
    total = math.fsum(powers.values())
    return {task: power / total for task, power in powers.items()}
