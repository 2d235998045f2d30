"""Heads as arguments of a job: `Head` objects, or the folders of saved heads."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike

from encore.featurestore.common import several
from encore.heads.artefact import Head

Heads = Head | str | PathLike[str] | Sequence[Head | str | PathLike[str]]
"""One head or several: `Head` objects, or the folders that they were saved to."""


def load_head(directory: str | PathLike[str]) -> Head:
    """Load a head that `encore.Head.save` or ``encore train`` wrote.

    Args:
        directory: its folder, on a disk or in object storage.

    Raises:
        UsageError: no such folder, or the folder is not a head.
        StoreError: a file is missing or damaged.
    """
    return Head.load(several(directory, "directory", "str")[0])


def given_heads(heads: Heads) -> tuple[Head | str, ...]:
    """One or several heads as a tuple, with paths as strings. Raises UsageError for anything else."""
    return several(heads, "heads", "str | Head")
