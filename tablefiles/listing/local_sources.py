"""Listing files on local disks."""

from __future__ import annotations

import glob
import os
import stat
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from encore.featurestore.errors import UsageError
from encore.tablefiles.formats import format_of_name, require_format
from encore.tablefiles.listing.globs import PathPart, absolute, hint, matches
from encore.tablefiles.listing.listing import (
    EMPTY_FILE,
    UNKNOWN_ENDING,
    FoundFile,
    UnreadPath,
    is_bookkeeping,
    is_own_folder,
)
from encore.tablefiles.names import list_names

KINDS = (
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)
NOT_UTF_8 = "its name is not UTF-8"


def list_local(text: str) -> list[FoundFile | UnreadPath]:
    """What a file name, a folder or a glob stands for; paths are absolute, and links are followed but not resolved.

    Raises:
        UsageError: there is no such file, or it cannot be read; the error lists what is there.
    """
    path = Path(os.path.abspath(os.path.expanduser(text)))  # noqa: PTH100, PTH111  resolve() would follow links
    if _printable(str(path)) != str(path):
        raise UsageError(f"{_printable(text)}: {NOT_UTF_8}; rename it")
    if path.exists():
        return _expand(path)
    if path.is_symlink():
        raise UsageError(f"{text}: a link to nothing; correct or remove it")
    if not glob.has_magic(text):
        is_text = " " in text and "/" not in text and format_of_name(text) is None
        advice = "; texts themselves go into a table, with a column of ids" if is_text else ""
        raise UsageError(f"{text}: no such file or directory; {_surroundings(path)}{advice}")
    found = _matching(absolute(text))
    if not found:
        raise UsageError(f"{text}: no file matches; {_surroundings(path)}{hint(text)}")
    return [it for match in found for it in _expand(match, strict=len(found) == 1)]


def _matching(pattern: Path) -> list[Path]:
    """The files and folders that a glob matches, sorted."""
    wanted, names = pattern.parts, cache(_names)
    named = next(depth for depth, part in enumerate(wanted) if glob.has_magic(part))

    def marked(path: Path) -> list[PathPart]:
        steps = [*reversed(path.parents), path]
        open_ = [is_bookkeeping(step.name, names(step.parent)) or is_own_folder(names(step)) for step in steps[named:]]
        return [*map(PathPart, path.parts, [False] * named + open_)]

    found = sorted(map(Path, glob.glob(str(pattern), recursive=True)))  # noqa: PTH207  Path.glob takes no absolute ones
    return [path for path in found if matches(marked(path), wanted)]


def _names(folder: Path) -> frozenset[str]:
    """The names in a folder; none where it is no folder, or cannot be opened."""
    try:
        return frozenset(os.listdir(folder))  # noqa: PTH208  names, not paths
    except OSError:
        return frozenset()


def _expand(path: Path, *, strict: bool = True) -> list[FoundFile | UnreadPath]:
    """A file itself, or what lies below a folder; ``strict`` refuses a folder without any file to read."""
    if not path.is_dir():
        return [_named(path)]
    found = sorted(_walk(path, "", set()), key=lambda it: it.uri)
    if strict and not any(isinstance(it, FoundFile) or it.reason == EMPTY_FILE for it in found):
        raise UsageError(f"{path}: no file to read below this directory; {_contents(path)}")
    return found


def _named(path: Path) -> FoundFile | UnreadPath:
    """A file that was named, or matched by a glob."""
    if _printable(str(path)) != str(path):
        return UnreadPath(_printable(str(path)), NOT_UTF_8)
    try:
        status = path.stat()
    except OSError as error:
        return UnreadPath(_printable(str(path)), _why(error))
    kind = _kind(status.st_mode)
    if kind is not None:
        raise UsageError(f"{path}: is {kind}; files are read in parts, so write it to a file first")
    require_format(str(path))
    return FoundFile(str(path), status.st_size, str(path.parent))


def _walk(directory: Path, below: str, visited: set[tuple[int, int]]) -> Iterator[FoundFile | UnreadPath]:
    """What lies in a folder whose path below the input is ``below``; one that links lead to twice counts once."""
    try:
        status = directory.stat()
        names = sorted(os.listdir(directory))  # noqa: PTH208  names, not paths
    except OSError as error:
        yield UnreadPath(_printable(str(directory)), _why(error))
        return
    if (status.st_dev, status.st_ino) in visited or is_own_folder(frozenset(names)):
        return
    visited.add((status.st_dev, status.st_ino))
    for name in names:
        if not is_bookkeeping(name, names):
            yield from _entry(directory / name, below, visited)


def _entry(path: Path, below: str, visited: set[tuple[int, int]]) -> Iterator[FoundFile | UnreadPath]:
    shown = _printable(str(path))
    if shown != str(path):
        yield UnreadPath(shown, NOT_UTF_8)
        return
    try:
        status = path.stat()
    except OSError as error:
        yield UnreadPath(shown, "a link to nothing" if isinstance(error, FileNotFoundError) else _why(error))
        return
    kind = _kind(status.st_mode)
    if stat.S_ISDIR(status.st_mode):
        yield from _walk(path, f"{below}/{path.name}", visited)
    elif kind is not None:
        yield UnreadPath(shown, kind)
    elif format_of_name(path.name) is None:
        yield UnreadPath(shown, UNKNOWN_ENDING)
    elif not status.st_size:
        yield UnreadPath(shown, EMPTY_FILE)
    else:
        yield FoundFile(str(path), status.st_size, below)


def _kind(mode: int) -> str | None:
    """What something is that is neither a file nor a folder; None for a file or a folder."""
    return next((name for test, name in KINDS if test(mode)), None)


def _printable(path: str) -> str:
    """A path as text: bytes of its name that are no UTF-8 are escaped."""
    return os.fsencode(path).decode(errors="backslashreplace")


def _why(error: OSError) -> str:
    return f"it cannot be opened: {error.strerror or error}"


def _surroundings(path: Path) -> str:
    """What there is in the nearest directory above a path that does not exist."""
    return _contents(next(parent for parent in path.parents if parent.is_dir()))


def _contents(directory: Path) -> str:
    names = sorted(_printable(entry.name) + "/" * entry.is_dir() for entry in directory.iterdir())
    return f"{directory} holds: {list_names(names)}"
