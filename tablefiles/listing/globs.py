"""What a glob matches: it skips what the listing of a folder skips, unless the pattern names that itself."""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence
from fnmatch import fnmatchcase
from itertools import takewhile
from pathlib import Path
from typing import NamedTuple

from encore.tablefiles.listing.listing import HIDDEN


class PathPart(NamedTuple):
    """A file or folder on the way to what a glob may match.

    Attributes:
        name: its name.
        passed_over: whether the listing of a folder skips it: it is bookkeeping, or something that Encore wrote.
    """

    name: str
    passed_over: bool


def matches(parts: Sequence[PathPart], pattern: Sequence[str]) -> bool:
    """Whether the parts of a path match those of a glob; ``**`` stands for any number of parts.

    A part that is passed over is matched only by its own name, or by a pattern that begins with the same character
    (``.*``, ``_tmp-*``), and never by ``**``. A shell treats leading dots in the same way.
    """
    if not pattern:
        return not parts
    if pattern[0] == "**":
        shown = sum(1 for _ in takewhile(lambda part: not part.passed_over, parts))
        if len(pattern) == 1:
            return 0 < shown == len(parts)
        return any(matches(parts[skip:], pattern[1:]) for skip in range(min(shown + 1, len(parts))))
    if not parts or (parts[0].passed_over and pattern[0] != parts[0].name and not pattern[0].startswith(HIDDEN)):
        return False
    return fnmatchcase(parts[0].name, pattern[0]) and matches(parts[1:], pattern[1:])


def absolute(pattern: str) -> Path:
    """A local glob as an absolute one, in which the working folder stands for itself, whatever signs its name has."""
    working = glob.escape(os.getcwd())  # noqa: PTH109  Path.cwd() gives no text
    return Path(os.path.abspath(os.path.join(working, os.path.expanduser(pattern))))  # noqa: PTH100, PTH111, PTH118


def hint(pattern: str) -> str:
    """The advice about a glob that matches nothing: how to write a name that is not a glob."""
    return "; where a name holds a [, write [[] for it" if "[" in pattern else ""
