"""Features to predictions: position pooling, classifiers, training, evaluation, and heads as artefacts."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from encore.heads.artefact import Head, check_task
    from encore.heads.feature_dataset import FeatureDataset
    from encore.heads.labels import Labels, Split, read_labels
    from encore.heads.metrics import Evaluation, evaluate_predictions
    from encore.heads.model import POOLINGS, AttentionPooling, HeadModel, default_pooling
    from encore.heads.scoring import Scorer, Scores
    from encore.heads.training import Epoch, TrainedHead, TrainSettings, train_head

__all__ = [
    "POOLINGS",
    "AttentionPooling",
    "Epoch",
    "Evaluation",
    "FeatureDataset",
    "Head",
    "HeadModel",
    "Labels",
    "Scorer",
    "Scores",
    "Split",
    "TrainSettings",
    "TrainedHead",
    "check_task",
    "default_pooling",
    "evaluate_predictions",
    "read_labels",
    "train_head",
]

_MODULES = {
    "AttentionPooling": "encore.heads.model.attention",
    "Epoch": "encore.heads.training.epochs",
    "Evaluation": "encore.heads.metrics.evaluation",
    "FeatureDataset": "encore.heads.feature_dataset",
    "Head": "encore.heads.artefact.head",
    "HeadModel": "encore.heads.model.network",
    "Labels": "encore.heads.labels.table",
    "POOLINGS": "encore.heads.model.registry",
    "Scorer": "encore.heads.scoring.scorer",
    "Scores": "encore.heads.scoring.scorer",
    "Split": "encore.heads.labels.split",
    "TrainSettings": "encore.heads.training.settings",
    "TrainedHead": "encore.heads.training.trainer",
    "check_task": "encore.heads.artefact.head",
    "default_pooling": "encore.heads.model.registry",
    "evaluate_predictions": "encore.heads.metrics.comparison",
    "read_labels": "encore.heads.labels.files",
    "train_head": "encore.heads.training.trainer",
}


def __getattr__(name: str) -> Any:
    """Import a name of `__all__` when it is first asked for, so that code that needs no torch does not load it."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_MODULES[name]), name)
    return value
