"""Training one head, or a grid of heads, from packed features."""

from encore.heads.training.epochs import Epoch, Progress
from encore.heads.training.examples import Examples
from encore.heads.training.features import TRAINING_MEMORY, gather
from encore.heads.training.grid import train_grid
from encore.heads.training.settings import TrainSettings
from encore.heads.training.store import (
    DEV_SHARE,
    LabelCounts,
    StoreTraining,
    TrainRequest,
    partition_stored,
    train_from_store,
)
from encore.heads.training.trainer import TrainedHead, train_head

__all__ = [
    "DEV_SHARE",
    "TRAINING_MEMORY",
    "Epoch",
    "Examples",
    "LabelCounts",
    "Progress",
    "StoreTraining",
    "TrainRequest",
    "TrainSettings",
    "TrainedHead",
    "gather",
    "partition_stored",
    "train_from_store",
    "train_grid",
    "train_head",
]
