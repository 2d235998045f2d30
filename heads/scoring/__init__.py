"""Many heads over one block of features in a pass."""

from encore.heads.scoring.scorer import Scorer, Scores, check_dtype
from encore.heads.scoring.streams import TURNS

__all__ = [
    "TURNS",
    "Scorer",
    "Scores",
    "check_dtype",
]
