"""What may stand on a terminal: every text that is data, of libraries or of users goes through here."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from typing import TextIO

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

FILE_WIDTH = 10_000
"""Columns of what is no terminal: nothing is folded or cut there, and tables are as wide as what they hold."""

LEAST_WIDTH = 24
"""Columns that a folded text keeps beside what it is set in by."""


class SafeConsole(Console):
    """A console on which no text is an order to the terminal: ids, names of classes and encoders, paths, errors."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """What is drawn, in which only the console's own control codes are left."""
        for segment in super().render(renderable, options):
            safe = segment.control or segment.text.isprintable() or segment.text == "\n"
            yield segment if safe else Segment(printable(segment.text, keep="\n"), segment.style)


def console() -> Console:
    """Standard output, for results."""
    return _console(sys.stdout, stderr=False)


def error_console() -> Console:
    """Standard error, for progress and remarks."""
    return _console(sys.stderr, stderr=True)


def _console(stream: TextIO, *, stderr: bool) -> Console:
    given = stream.isatty() or "COLUMNS" in os.environ
    return SafeConsole(stderr=stderr, highlight=False, width=None if given else FILE_WIDTH)


def folded(text: str, on: Console, indent: int = 0) -> str:
    """A text that the terminal need not break within words.

    A word that is wider than the terminal, such as a path, stays whole: the terminal breaks it, and copies it as one.

    Args:
        text: lines of any width.
        on: where it is to stand; a file's lines are never folded.
        indent: blanks before each line but the first, columns.
    """
    if not on.file.isatty():
        return text
    indent = indent if on.width - indent >= LEAST_WIDTH else 0
    lines = [part for line in text.split("\n") for part in _parts(line, on.width - indent)]
    return f"\n{' ' * indent}".join(lines)


def _parts(line: str, columns: int) -> list[str]:
    """A line in parts that are no wider than so many columns, where no single word is."""
    # Neither textwrap, which counts a wide character once, nor rich, which breaks words that are wider than a line.
    first, *others = line.split(" ")
    parts = [first]
    for word in others:
        if cell_len(f"{parts[-1]} {word}") <= columns:
            parts[-1] += f" {word}"
        else:
            parts.append(word)
    return parts


def printable(text: str, keep: str = "") -> str:
    """A text as a terminal may show it: an id or a label is data, and its control characters are not for the terminal.

    Args:
        text: any text.
        keep: control characters that stay.
    """
    return "".join(c if c.isprintable() or c in keep else c.encode("unicode_escape").decode() for c in text)


def without_secrets(text: str, words: Sequence[str] = ()) -> str:
    """A text without the credentials in URLs in it, and without those in a user's words that it may repeat."""
    if not words and not {"?", "@"} & set(text):
        return text
    # Imported late: torch comes with it, and wrong usage is told at once.
    from encore.featurestore.storage import masked, without_credentials  # noqa: PLC0415

    for word in words:
        text = text.replace(word, without_credentials(word))
    return masked(text)
