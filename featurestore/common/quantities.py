"""Numbers for people: counts with their noun, bytes with their unit."""

from __future__ import annotations

UNITS = ("B", "KB", "MB", "GB", "TB", "PB")


def counted(count: int, one: str) -> str:
    """``1 document``, ``2,000 documents``: the plural of ``one`` is ``one`` with an s."""
    return f"{count:,} {one}" + ("" if count == 1 else "s")


def human_bytes(count: float) -> str:
    """Bytes in decimal units, three digits."""
    unit = 0
    while round(count, 0 if count >= 100 else 1) >= 1000 and unit < len(UNITS) - 1:
        count, unit = count / 1000, unit + 1
    return f"{count:,.0f} {UNITS[unit]}" if unit == 0 or count >= 100 else f"{count:.3g} {UNITS[unit]}"
