"""Removing orphans of a predictions folder. Vacuum and forget are two policies of it."""

from encore.pipelines.removal.forget import FolderForgetting, Forgetting, forget
from encore.pipelines.removal.vacuum import FolderVacuum, vacuum_folder

__all__ = [
    "FolderForgetting",
    "FolderVacuum",
    "Forgetting",
    "forget",
    "vacuum_folder",
]
