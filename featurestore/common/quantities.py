"""Numbers of things in words."""

from __future__ import annotations


def counted(count: int, one: str, many: str | None = None) -> str:
    """``1 document``, ``2,000 documents``; ``many`` where it is not ``one`` with an s."""
    return f"{count:,} {one if count == 1 else many or f'{one}s'}"
