"""What many tests begin with is made once, and copied for each."""

from __future__ import annotations

import shutil
from pathlib import Path


def copied(template: Path, to: Path) -> Path:
    """Copy a folder of stores, heads and predictions, times of change included, into an existing folder."""
    shutil.copytree(template, to, symlinks=True, dirs_exist_ok=True)
    return to
