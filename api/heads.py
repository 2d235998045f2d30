"""Heads as they are given to a job: trained ones, saved or not, and where saved ones lie."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike

from encore.featurestore.common import several
from encore.heads.artefact import Head

Heads = Head | str | PathLike[str] | Sequence[Head | str | PathLike[str]]
"""One head or several, each as it is or as the folder that it was saved to."""


def load_head(directory: str | PathLike[str]) -> Head:
    """Load a head that `encore.Head.save` or ``encore train`` wrote.

    Args:
        directory: its folder, on a disk or in object storage.

    Raises:
        UsageError: no such folder, or one that is not a head.
        StoreError: a file is missing or damaged.
    """
    return Head.load(directory)


def given_heads(heads: Heads) -> tuple[Head | str, ...]:
    """One or several heads as a tuple, paths as their texts."""
    return several(heads, "heads")
