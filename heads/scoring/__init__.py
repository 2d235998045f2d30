"""Many heads over one block of features in a pass."""

from encore.heads.scoring.scorer import Scorer, Scores, check_dtype
from encore.heads.scoring.streams import AT_ONCE

__all__ = [
    "AT_ONCE",
    "Scorer",
    "Scores",
    "check_dtype",
]
