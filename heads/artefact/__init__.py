"""A trained head as files: head.json and weights.safetensors."""

from encore.heads.artefact.document import read_document
from encore.heads.artefact.folder import HEAD_FILE, WEIGHTS_FILE, check_head_folder
from encore.heads.artefact.head import Head, check_task

__all__ = ["HEAD_FILE", "WEIGHTS_FILE", "Head", "check_head_folder", "check_task", "read_document"]
