"""What commands print: tables and short lines for people, JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

from encore.cli.console.terminal import console, error_console, folded, printable
from encore.featurestore.storage import check_file, new_file


def remark(text: str) -> None:
    """Print a line on standard error; a terminal gets it folded between words."""
    show = error_console()
    show.print(folded(text, show), markup=False, soft_wrap=True)


def print_json(document: Mapping[str, Any]) -> None:
    """Print one JSON object on standard output."""
    print(json.dumps(document, indent=1))


def print_table(
    title: str, columns: Sequence[str], rows: Iterable[Sequence[object]], *, many_columns: bool = False
) -> None:
    """Print a table below its title. All columns but the first are aligned right.

    Args:
        title: title above the table.
        columns: names of the columns.
        rows: cells of each row.
        many_columns: no lines between columns; on a narrow terminal only the first column is folded.
    """
    console().print(Text(printable(title), "bold"))
    table = (
        Table(box=box.SIMPLE_HEAD, padding=(0, 1), pad_edge=False, collapse_padding=True) if many_columns else Table()
    )
    for number, column in enumerate(columns):
        first = number == 0
        table.add_column(
            Text(printable(column)),
            justify="left" if first else "right",
            no_wrap=many_columns and not first,
            overflow="fold",
        )
    for row in rows:
        table.add_row(*(Text(printable(str(cell))) for cell in row))
    console().print(table)


def print_pairs(pairs: Iterable[tuple[str, object]]) -> None:
    """Print names and values, one pair a line. On a terminal a long value is folded within its own column."""
    listed = [(printable(name), printable(str(value))) for name, value in pairs]
    width = max((len(name) for name, _ in listed), default=0)
    show = console()
    for name, value in listed:
        line = f"{name:<{width}}  {folded(value, show, width + 2)}"
        show.print(line, markup=False, soft_wrap=True)


def print_line(text: str) -> None:
    """Print a line on standard output; a terminal gets it folded between words."""
    show = console()
    show.print(folded(printable(text), show), markup=False, soft_wrap=True)


def print_next(commands: Iterable[str]) -> None:
    """Print commands for the user to copy. Each is one line, however wide."""
    console().print("\n[bold]Next[/bold]")
    for command in commands:
        console().print(f"  {printable(command)}", markup=False, soft_wrap=True)


def prepare_file(path: str | None, option: str) -> None:
    """Check, before the work, that the result's file can be written, if one is asked for.

    Raises:
        UsageError: the file cannot be written.
    """
    if path is not None:
        check_file(path, option)


def write_report(path: str | None, text: str) -> None:
    """Write a report to the path, if one is asked for."""
    if path is not None:
        with new_file(path) as file:
            file.write(f"{text}\n".encode())
