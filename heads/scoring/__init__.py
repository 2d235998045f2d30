"""Scoring one block of features with many heads in one pass."""

from encore.heads.scoring.scorer import Scorer, Scores, check_dtype
from encore.heads.scoring.streams import TURNS

__all__ = [
    "TURNS",
    "Scorer",
    "Scores",
    "check_dtype",
]
