"""Limits as Python has them, a count or a share, as the texts that the command line has."""

from __future__ import annotations

from decimal import Decimal


def limit_text(limit: float | str | None) -> str | None:
    """``25`` for a count, ``0.01`` for a share; None is the default, and a text is taken as it is."""
    if isinstance(limit, float):
        share = f"{Decimal(repr(limit)):f}"
        return share if "." in share else f"{share}.0"
    return None if limit is None else str(limit)
