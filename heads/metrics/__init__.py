"""Predictions against labels: counts by class, figures, 95 % intervals, an evaluation."""

from encore.heads.metrics.class_counts import (
    BOOTSTRAP_SEED,
    RESAMPLES,
    Z_95,
    Interval,
    percentile_interval,
    wilson_interval,
)
from encore.heads.metrics.comparison import evaluate_predictions
from encore.heads.metrics.evaluation import Evaluation

__all__ = [
    "BOOTSTRAP_SEED",
    "RESAMPLES",
    "Z_95",
    "Evaluation",
    "Interval",
    "evaluate_predictions",
    "percentile_interval",
    "wilson_interval",
]
