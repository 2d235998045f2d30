"""Tells which of predict's words are texts, and which are names of files."""

from __future__ import annotations

import glob
import os
import re
import sys
from collections.abc import Sequence

from encore.featurestore import UsageError
from encore.tablefiles.formats import format_of_name

STANDARD_INPUT = "-"
URL_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


def files_and_texts(words: Sequence[str], encoding: str) -> tuple[list[str], list[str]]:
    """Separate names (files, folders, globs, URLs) from texts. Lines of standard input are texts.

    Raises:
        UsageError: a word that may be a misspelt name matches no file, or standard input is not text.
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
    """Whether a word may be the name of a file, which exists or is misspelt.

    It may be one if it has no blanks, has the ending of a table file, is a URL, or begins with an existing folder other
    than the root.
    """
    if not any(character.isspace() for character in word) or _is_name(word) or _is_there(word):
        return True
    folder = os.path.dirname(os.path.expanduser(word))  # noqa: PTH111, PTH120
    return folder not in ("", "/") and os.path.isdir(folder)  # noqa: PTH112


def _is_name(word: str) -> bool:
    return format_of_name(word) is not None or URL_SCHEME.match(word) is not None


def _is_there(word: str) -> bool:
    # Not pathlib: it raises an error for a word that is too long for a name.
    local = os.path.expanduser(word)  # noqa: PTH111
    return os.path.exists(local) or bool(glob.glob(local, recursive=True))  # noqa: PTH110, PTH207


def _lines(encoding: str) -> list[str]:
    """Lines of standard input, without line ends."""
    try:
        text = sys.stdin.buffer.read().decode(encoding).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise UsageError(
            f"standard input is not {encoding} text: {error.reason} at byte {error.start};"
            " name its encoding with --encoding"
        ) from error
    if not text:
        raise UsageError("standard input is empty; write one text a line to it")
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    return lines[:-1] if lines[-1] == "" else lines
