"""Converts limits from Python, counts or shares, to the texts of the command line."""

from __future__ import annotations

from decimal import Decimal


def limit_text(limit: float | str | None) -> str | None:
    """``"25"`` for a count, ``"0.01"`` for a share. None stays None, the default. A text is not changed."""
    if isinstance(limit, float):
        share = f"{Decimal(repr(limit)):f}"
        return share if "." in share else f"{share}.0"
    return None if limit is None else str(limit)
