"""Listing corpus files on local disks."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator
from pathlib import Path

from featurestore.errors import UsageError
from tables.formats import format_of_name, require_format
from tables.names import list_names

HIDDEN = (".", "_")
"""What begins so in a directory is bookkeeping (``_SUCCESS``, ``.crc``), as in Arrow's and Spark's data sets."""


def list_local(text: str) -> list[Path]:
    """Absolute paths of the corpus files that a file name, a directory or a glob stands for.

    Raises:
        UsageError: there is no such file; the text lists what is there.
    """
    path = Path(os.path.abspath(os.path.expanduser(text)))  # noqa: PTH100, PTH111  resolve() would follow links
    if path.exists():
        return _expand(path)
    if not glob.has_magic(text):
        raise UsageError(f"{text}: no such file or directory; {_surroundings(path)}")
    matches = sorted(glob.glob(str(path), recursive=True))  # noqa: PTH207  Path.glob takes no absolute patterns
    if not matches:
        raise UsageError(f"{text}: no file matches; {_surroundings(path)}")
    return [file for match in matches for file in _expand(Path(match), strict=len(matches) == 1)]


def _expand(path: Path, *, strict: bool = True) -> list[Path]:
    """A file itself, or the corpus files below a directory; ``strict`` refuses a directory without any."""
    if not path.is_dir():
        require_format(str(path))
        return [path]
    found = sorted(_walk(path, set()))
    if strict and not found:
        raise UsageError(f"{path}: no corpus file below this directory; {_contents(path)}")
    return found


def _walk(directory: Path, visited: set[Path]) -> Iterator[Path]:
    real = directory.resolve()
    if real in visited:
        return
    visited.add(real)
    for entry in sorted(directory.iterdir()):
        if entry.name.startswith(HIDDEN):
            continue
        if entry.is_dir():
            yield from _walk(entry, visited)
        elif format_of_name(entry.name) is not None:
            yield entry


def _surroundings(path: Path) -> str:
    """What there is in the nearest directory above a path that does not exist."""
    return _contents(next(parent for parent in path.parents if parent.is_dir()))


def _contents(directory: Path) -> str:
    names = sorted(entry.name + "/" * entry.is_dir() for entry in directory.iterdir())
    return f"{directory} holds: {list_names(names)}"
