"""The text of an error, for use in a message: its first line, or all of it without quoted parts."""

from __future__ import annotations

import re

QUOTED = re.compile(r"`[^`]*`?|'[^']*'|\"[^\"]*\"", re.DOTALL)


def first_line(error: BaseException, text: str | None = None) -> str:
    """The first line of an error's text that is not blank; the name of its class where there is none.

    Args:
        error: what was raised.
        text: what to take for its text; by default ``str(error)``.
    """
    lines = (str(error) if text is None else text).splitlines()
    return next((line.strip() for line in lines if line.strip()), type(error).__name__)


def class_and_line(error: BaseException, text: str | None = None) -> str:
    """``ValueError: its first line``, or the class alone where the error says nothing."""
    name, line = type(error).__name__, first_line(error, text)
    return name if line == name else f"{name}: {line}"


def without_quotes(error: BaseException) -> str:
    """A library's error text without its quoted parts, which may be a cell or a document's text."""
    return QUOTED.sub("…", str(error))
