"""Training a head, or a grid of heads, from packed features."""

from encore.heads.training.epochs import Epoch, Progress
from encore.heads.training.examples import Codes, Examples
from encore.heads.training.features import MEMORY, gather
from encore.heads.training.grid import train_grid
from encore.heads.training.settings import TrainSettings
from encore.heads.training.trainer import TrainedHead, train_head

__all__ = [
    "MEMORY",
    "Codes",
    "Epoch",
    "Examples",
    "Progress",
    "TrainSettings",
    "TrainedHead",
    "gather",
    "train_grid",
    "train_head",
]
