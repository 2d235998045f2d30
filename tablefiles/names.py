"""Names in messages."""

from __future__ import annotations

from collections.abc import Sequence

NAMES_LISTED = 20
"""Most names that `list_names` lists."""
NAME_LENGTH, NAME_WORDS = 40, 4
"""A longer name is probably a text: the first row of a file without a header, or labels from a column of texts."""


def shown_name(name: str) -> str:
    """The name of a column or a class, for a message; only its length if it is probably a text."""
    short = len(name) <= NAME_LENGTH and len(name.split()) <= NAME_WORDS
    return name if short else f"({len(name):,} characters)"


def list_names(names: Sequence[str]) -> str:
    """Names as an error message lists them: all of them, or the first and how many more."""
    if not names:
        return "none"
    more = f" and {len(names) - NAMES_LISTED} more" if len(names) > NAMES_LISTED else ""
    return ", ".join(names[:NAMES_LISTED]) + more
