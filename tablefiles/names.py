"""Names in messages."""

from __future__ import annotations

from collections.abc import Sequence

NAMES_LISTED = 20


def list_names(names: Sequence[str]) -> str:
    """Names as an error message lists them: all of them, or the first and how many more."""
    if not names:
        return "none"
    more = f" and {len(names) - NAMES_LISTED} more" if len(names) > NAMES_LISTED else ""
    return ", ".join(names[:NAMES_LISTED]) + more
