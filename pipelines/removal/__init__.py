"""Removing what a predictions folder does not need: vacuum and forget, two policies over orphans."""

from encore.pipelines.removal.forgetting import FolderForgetting, Forgetting, forget
from encore.pipelines.removal.vacuum import FolderVacuum, vacuum_folder

__all__ = [
    "FolderForgetting",
    "FolderVacuum",
    "Forgetting",
    "forget",
    "vacuum_folder",
]
