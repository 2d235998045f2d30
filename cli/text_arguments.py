"""Which of the words that predict is given are texts, and which name files."""

from __future__ import annotations

import glob
import os
import re
import sys
from collections.abc import Sequence

from encore.featurestore import UsageError
from encore.tablefiles.formats import format_of_name

STANDARD_INPUT = "-"
URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


def files_and_texts(words: Sequence[str], encoding: str) -> tuple[list[str], list[str]]:
    """Part files, folders, globs and URLs from texts; the lines of standard input are texts.

    Raises:
        UsageError: nothing is called so that may be a misspelt name, or standard input is no text.
    """
    if list(words).count(STANDARD_INPUT) > 1:
        raise UsageError(f"{STANDARD_INPUT} is given twice; standard input can be read once")
    files: list[str] = []
    texts: list[str] = []
    for word in words:
        if word == STANDARD_INPUT:
            texts += _lines(encoding)
        elif _may_be_name(word):
            files.append(word)
        else:
            texts.append(word)
    for word in files:
        if not ("/" in word or _is_name(word) or _is_there(word)):
            raise UsageError(f"{word!r}: no such file or folder; a text like it goes to the input of encore predict -")
    return files, texts


def _may_be_name(word: str) -> bool:
    """Whether this may be the name of a file: that is there, or that is misspelt.

    A name has no blanks, or ends as files of tables do, or begins as a URL or with a folder that is there, other than
    the root.
    """
    if not any(character.isspace() for character in word) or _is_name(word) or _is_there(word):
        return True
    folder = os.path.dirname(os.path.expanduser(word))  # noqa: PTH111, PTH120
    return folder not in ("", "/") and os.path.isdir(folder)  # noqa: PTH112


def _is_name(word: str) -> bool:
    return format_of_name(word) is not None or URL.match(word) is not None


def _is_there(word: str) -> bool:
    # Path would refuse what is too long for a name.
    local = os.path.expanduser(word)  # noqa: PTH111
    return os.path.exists(local) or bool(glob.glob(local, recursive=True))  # noqa: PTH110, PTH207


def _lines(encoding: str) -> list[str]:
    """Lines of standard input, without what ends them."""
    try:
        text = sys.stdin.buffer.read().decode(encoding).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise UsageError(
            f"standard input is not {encoding} text: {error.reason} at byte {error.start}; --encoding names another"
        ) from error
    if not text:
        raise UsageError("standard input is empty; expected a text a line")
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    return lines[:-1] if lines[-1] == "" else lines
