"""Heads beside their predictions: copies by name, what each has predicted, and whether folder and heads fit."""

from encore.pipelines.registry.head_copies import HeadCopies, called, copy_heads, load_heads, read_copy
from encore.pipelines.registry.head_predictions import read_predictions
from encore.pipelines.registry.verification import FolderVerification, verify_folder

__all__ = [
    "FolderVerification",
    "HeadCopies",
    "called",
    "copy_heads",
    "load_heads",
    "read_copy",
    "read_predictions",
    "verify_folder",
]
