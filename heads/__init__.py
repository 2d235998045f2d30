"""Features to predictions: position pooling, classifiers, training, evaluation, and heads as artefacts."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from encore.heads.artefact import Head, check_task
    from encore.heads.attention import AttentionPooling
    from encore.heads.comparison import evaluate_predictions
    from encore.heads.epochs import Epoch
    from encore.heads.evaluate import Evaluation
    from encore.heads.label_files import read_labels
    from encore.heads.labels import Labels
    from encore.heads.model import HeadModel
    from encore.heads.pooling import POOLINGS, default_pooling
    from encore.heads.scoring import Scorer, Scores
    from encore.heads.settings import TrainSettings
    from encore.heads.split import Split
    from encore.heads.training import TrainedHead, train_head

__all__ = [
    "POOLINGS",
    "AttentionPooling",
    "Epoch",
    "Evaluation",
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
    "AttentionPooling": "encore.heads.attention",
    "Epoch": "encore.heads.epochs",
    "Evaluation": "encore.heads.evaluate",
    "Head": "encore.heads.artefact",
    "HeadModel": "encore.heads.model",
    "Labels": "encore.heads.labels",
    "POOLINGS": "encore.heads.pooling",
    "Scorer": "encore.heads.scoring",
    "Scores": "encore.heads.scoring",
    "Split": "encore.heads.split",
    "TrainSettings": "encore.heads.settings",
    "TrainedHead": "encore.heads.training",
    "check_task": "encore.heads.artefact",
    "default_pooling": "encore.heads.pooling",
    "evaluate_predictions": "encore.heads.comparison",
    "read_labels": "encore.heads.label_files",
    "train_head": "encore.heads.training",
}


def __getattr__(name: str) -> Any:
    """What `__all__` names, from the module that has it; torch is not loaded for those who need none of it."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_MODULES[name]), name)
    return value
