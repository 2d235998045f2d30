"""Heads and their predictions: copies of heads, reading predictions, and verification of the folder."""

from encore.pipelines.head_registry.head_copies import (
    HeadCopies,
    copy_heads,
    head_title,
    load_heads,
    read_copy,
    require_different,
)
from encore.pipelines.head_registry.head_predictions import HeadPredictions, predictions_of_table, read_predictions
from encore.pipelines.head_registry.prediction_rows import row_schema, rows_of_scores
from encore.pipelines.head_registry.verification import FolderVerification, verify_folder

__all__ = [
    "FolderVerification",
    "HeadCopies",
    "HeadPredictions",
    "copy_heads",
    "head_title",
    "load_heads",
    "predictions_of_table",
    "read_copy",
    "read_predictions",
    "require_different",
    "row_schema",
    "rows_of_scores",
    "verify_folder",
]
