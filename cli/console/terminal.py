"""Making text safe for a terminal. All text from data, libraries or users goes through here."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from typing import TextIO

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

FILE_WIDTH = 10_000
"""Width in columns if the output is not a terminal. Nothing is folded or cut, and tables are as wide as their cells."""

LEAST_WIDTH = 24
"""The least columns of a folded text, beside its indent."""


class SafeConsole(Console):
    """A console without control codes from text. An id, a name, a path or an error cannot control the terminal."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """The segments to draw, with no control codes but the console's own."""
        for segment in super().render(renderable, options):
            safe = segment.control or segment.text.isprintable() or segment.text == "\n"
            yield segment if safe else Segment(printable(segment.text, keep="\n"), segment.style)


def console() -> Console:
    """A console on standard output, for results."""
    return _console(sys.stdout, stderr=False)


def error_console() -> Console:
    """A console on standard error, for progress and remarks."""
    return _console(sys.stderr, stderr=True)


def _console(stream: TextIO, *, stderr: bool) -> Console:
    given = stream.isatty() or "COLUMNS" in os.environ
    return SafeConsole(stderr=stderr, highlight=False, width=None if given else FILE_WIDTH)


def folded(text: str, on: Console, indent: int = 0) -> str:
    """Fold a text between words, so that the terminal does not break it within words.

    A word that is wider than the terminal, such as a path, stays whole. The terminal breaks it, and copies it as one.

    Args:
        text: lines of any width.
        on: the console. If it is not a terminal, nothing is folded.
        indent: number of blanks before each line but the first.
    """
    if not on.file.isatty():
        return text
    indent = indent if on.width - indent >= LEAST_WIDTH else 0
    lines = [part for line in text.split("\n") for part in _parts(line, on.width - indent)]
    return f"\n{' ' * indent}".join(lines)


def _parts(line: str, columns: int) -> list[str]:
    """A line in parts of at most this many columns. Only a part of one word may be wider."""
    # Not textwrap, which counts a wide character as one column. Not rich, which breaks words wider than a line.
    first, *others = line.split(" ")
    parts = [first]
    for word in others:
        if cell_len(f"{parts[-1]} {word}") <= columns:
            parts[-1] += f" {word}"
        else:
            parts.append(word)
    return parts


def printable(text: str, keep: str = "") -> str:
    """Escape the control characters of a text, such as an id or a label, so that they cannot control the terminal.

    Args:
        text: any text.
        keep: control characters that are not escaped.
    """
    return "".join(c if c.isprintable() or c in keep else c.encode("unicode_escape").decode() for c in text)


def without_secrets(text: str, words: Sequence[str] = ()) -> str:
    """Remove credentials from a text: those in its URLs, and those in the user's words if the text repeats them."""
    if not words and not {"?", "@"} & set(text):
        return text
    # Imported late: it imports torch, and errors of usage should come at once.
    from encore.featurestore.storage import masked, without_credentials  # noqa: PLC0415

    for word in words:
        text = text.replace(word, without_credentials(word))
    return masked(text)
