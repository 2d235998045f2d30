"""How a result is shown: one line in print, a table in a notebook.

All that comes from data, such as ids, classes and addresses, is escaped.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

LEFT = "text-align: left"
RIGHT = "text-align: right"


@dataclass(frozen=True)
class Summary:
    """A result in short.

    Attributes:
        kind: what it is, such as ``Store``.
        name: which one.
        facts: what a single line says of it.
        rows: name and value: what a page says of it.
        columns: names of the columns of a table below the rows; none where there is no table.
        table: its rows, a cell for each column.
    """

    kind: str
    name: str
    facts: Sequence[str] = ()
    rows: Sequence[tuple[str, object]] = ()
    columns: Sequence[str] = ()
    table: Sequence[Sequence[object]] = ()

    def line(self) -> str:
        """``<Store features@1: 7,012 documents, …>``."""
        facts = f": {', '.join(self.facts)}" if self.facts else ""
        return _printable(f"<{self.kind} {self.name}{facts}>")

    def text(self) -> str:
        """The rows and the table below each other, a line each."""
        lines = [f"{self.kind} {self.name}"]
        for grid in ([[f"{name}", f"{value}"] for name, value in self.rows], self._grid()):
            widths = [max(map(len, column)) for column in zip(*grid, strict=True)]
            lines += ["  ".join(map(str.ljust, row, widths)).rstrip() for row in grid]
        return "\n".join(map(_printable, lines))

    def html(self) -> str:
        """HTML without scripts or styles of its own, for a notebook."""
        rows = [(f'<th style="{LEFT}">{_cell(name)}</th>', value) for name, value in self.rows]
        parts = [f"<div><strong>{_cell(self.kind)} {_cell(self.name)}</strong>"]
        if rows:
            lines = (f'<tr>{name}<td style="{LEFT}">{_cell(value)}</td></tr>' for name, value in rows)
            parts.append(f"<table>{''.join(lines)}</table>")
        if self.columns:
            head, *body = self._grid()
            parts.append(f"<table><thead>{_html_row(head, 'th')}</thead>")
            parts.append(f"<tbody>{''.join(_html_row(row, 'td') for row in body)}</tbody></table>")
        return "".join([*parts, "</div>"])

    def _grid(self) -> list[list[str]]:
        rows = [self.columns, *self.table] if self.columns else []
        return [[f"{cell}" for cell in row] for row in rows]


class SummaryMixin:
    """A result that is shown in short: in one line by `repr`, and as a page in a notebook."""

    def _summary(self) -> Summary:
        raise NotImplementedError

    def __repr__(self) -> str:
        return self._summary().line()

    def _repr_html_(self) -> str:
        return self._summary().html()


def _html_row(cells: Sequence[str], tag: str) -> str:
    styles = [LEFT, *(RIGHT for _ in cells[1:])]
    parts = [f'<{tag} style="{style}">{_cell(cell)}</{tag}>' for cell, style in zip(cells, styles, strict=True)]
    return f"<tr>{''.join(parts)}</tr>"


def _cell(value: object) -> str:
    return escape(_printable(f"{value}"))


def _printable(text: str) -> str:
    """A text with its control characters escaped: a terminal or a page would obey them."""
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)
