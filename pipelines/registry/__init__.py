"""Heads beside their predictions: copies by name, what each has predicted, and whether folder and heads fit."""

from encore.pipelines.registry.head_copies import StagedHeads, load_heads, read_staged, stage_heads
from encore.pipelines.registry.head_predictions import read_predictions
from encore.pipelines.registry.verification import FolderVerification, verify_folder

__all__ = [
    "FolderVerification",
    "StagedHeads",
    "load_heads",
    "read_predictions",
    "read_staged",
    "stage_heads",
    "verify_folder",
]
