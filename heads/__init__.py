"""Features to predictions: position pooling, classifiers, training, evaluation, and heads as artefacts."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from heads.artefact import Head, check_task
    from heads.attention import AttentionPooling
    from heads.comparison import evaluate_predictions
    from heads.epochs import Epoch
    from heads.evaluate import Evaluation
    from heads.label_files import read_labels
    from heads.labels import Labels
    from heads.model import HeadModel
    from heads.pooling import POOLINGS, default_pooling
    from heads.scoring import Scorer, Scores
    from heads.settings import TrainSettings
    from heads.split import Split
    from heads.training import TrainedHead, train_head

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
    "AttentionPooling": "heads.attention",
    "Epoch": "heads.epochs",
    "Evaluation": "heads.evaluate",
    "Head": "heads.artefact",
    "HeadModel": "heads.model",
    "Labels": "heads.labels",
    "POOLINGS": "heads.pooling",
    "Scorer": "heads.scoring",
    "Scores": "heads.scoring",
    "Split": "heads.split",
    "TrainSettings": "heads.settings",
    "TrainedHead": "heads.training",
    "check_task": "heads.artefact",
    "default_pooling": "heads.pooling",
    "evaluate_predictions": "heads.comparison",
    "read_labels": "heads.label_files",
    "train_head": "heads.training",
}


def __getattr__(name: str) -> Any:
    """What `__all__` names, from the module that has it; torch is not loaded for those who need none of it."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_MODULES[name]), name)
    return value
