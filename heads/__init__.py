"""Features to predictions: position pooling, classifiers, training, evaluation, and heads as artefacts."""

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
