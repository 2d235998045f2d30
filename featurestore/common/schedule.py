"""The schedule of learning rates (paper, appendix). Heads and encoders train by it, and neither imports the other."""

from __future__ import annotations


def share_of_rate(step: int, steps: int, warmup: float) -> float:
    """Learning rate at a step, as a share of its peak: a linear warm-up, then a linear decay to 0.

    Args:
        step: number of the step, from 0.
        steps: number of all steps.
        warmup: share of the steps over which the rate rises, one step at least.
    """
    rising = max(1, round(warmup * steps))
    return (step + 1) / rising if step < rising else (steps - step) / max(1, steps - rising)
