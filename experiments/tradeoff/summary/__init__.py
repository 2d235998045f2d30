"""Trials to figures: means with intervals, the Pareto front, a recommendation."""

from encore.experiments.tradeoff.summary.points import MEAN, Point, SettingSize, front_numbers, overall, summarise
from encore.experiments.tradeoff.summary.recommendation import Recommendation, recommend

__all__ = [
    "MEAN",
    "Point",
    "Recommendation",
    "SettingSize",
    "front_numbers",
    "overall",
    "recommend",
    "summarise",
]
