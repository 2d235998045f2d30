"""What commands print: tables and short lines for people, JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

UNITS = ("B", "KB", "MB", "GB", "TB", "PB")


def console() -> Console:
    """Standard output, for results."""
    return Console(highlight=False)


def error_console() -> Console:
    """Standard error, for progress and remarks."""
    return Console(stderr=True, highlight=False)


def print_json(document: Mapping[str, Any]) -> None:
    """One JSON object on standard output."""
    print(json.dumps(document, indent=1))


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table; every column but the first is set flush right."""
    table = Table(title=title, title_justify="left", title_style="bold")
    for number, column in enumerate(columns):
        table.add_column(column, justify="left" if number == 0 else "right")
    for row in rows:
        table.add_row(*(str(cell) for cell in row))
    console().print(table)


def print_pairs(pairs: Iterable[tuple[str, object]]) -> None:
    """Name and value, one pair a line."""
    listed = list(pairs)
    width = max((len(name) for name, _ in listed), default=0)
    for name, value in listed:
        console().print(f"{name:<{width}}  {value}", markup=False, soft_wrap=True)


def human_bytes(count: float) -> str:
    """Bytes in decimal units, three digits."""
    unit = 0
    while count >= 1000 and unit < len(UNITS) - 1:
        count, unit = count / 1000, unit + 1
    return f"{count:,.0f} {UNITS[unit]}" if unit == 0 else f"{count:.3g} {UNITS[unit]}"


def write_report(path: str | None, text: str) -> None:
    """Write a report where it was asked for."""
    if path is not None:
        target = Path(path).expanduser()
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text + "\n")
