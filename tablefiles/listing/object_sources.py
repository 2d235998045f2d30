"""Listing files in object storage."""

from __future__ import annotations

import glob
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Self

import obstore
from obstore.exceptions import BaseError, InvalidPathError

from encore.featurestore.common import first_line
from encore.featurestore.errors import StoreError, UsageError
from encore.featurestore.storage import Objects
from encore.tablefiles.formats import format_of_name, require_format
from encore.tablefiles.listing.globs import PathPart, hint, matches
from encore.tablefiles.listing.listing import (
    EMPTY_FILE,
    UNKNOWN_ENDING,
    FoundFile,
    UnreadPath,
    is_bookkeeping,
    is_own_folder,
)
from encore.tablefiles.names import list_names

HADOOP_FOLDER = "_$folder$"

Size = tuple[str, int]
"""Path of an object below some folder, and its bytes."""


def list_objects(url: str) -> list[FoundFile | UnreadPath]:
    """What an object, a prefix or a glob stands for.

    Raises:
        UsageError: there is no such object; the text lists what is there.
        StoreError: the storage refuses.
    """
    size = _size(url)
    if size is not None:
        require_format(url)
        return [FoundFile(url, size, url.rpartition("/")[0])]
    folder = url.rstrip("/")
    below, skipped = _below(folder)
    if glob.has_magic(url) and not below:
        return _matching(url)
    found = [*_in_folder(folder, below), *skipped]
    if not any(isinstance(it, FoundFile) or it.reason == EMPTY_FILE for it in found):
        names = list_names([path for path, _ in below])
        raise UsageError(f"{url}: no such object, and no file to read below it; objects there: {names}")
    return found


def _in_folder(folder: str, below: list[Size]) -> Iterator[FoundFile | UnreadPath]:
    """What there is to read of a folder's objects, and what is not read."""
    level = _Levels.of(below)
    if "" in level.own:
        return
    for path, size in below:
        if any(part.passed_over for part in level.parts(path)) or (not size and level.is_marker(path)):
            continue
        uri, parent = f"{folder}/{path}", path.rpartition("/")[0]
        if format_of_name(path) is None:
            yield UnreadPath(uri, UNKNOWN_ENDING)
        elif not size:
            # These include the markers that some tools write for folders, whatever their names end in.
            yield UnreadPath(uri, EMPTY_FILE)
        else:
            yield FoundFile(uri, size, parent)


@dataclass(frozen=True)
class _Levels:
    """The folders that the paths of objects make.

    Attributes:
        names: path of each folder → the names in it; ``""`` is the folder that is listed.
        own: paths of the folders that Encore wrote.
    """

    names: dict[str, set[str]]
    own: frozenset[str]

    @classmethod
    def of(cls, below: list[Size]) -> Self:
        names: dict[str, set[str]] = {}
        for path, _ in below:
            parts = path.split("/")
            for depth, part in enumerate(parts):
                names.setdefault("/".join(parts[:depth]), set()).add(part)
        return cls(names, frozenset(path for path, held in names.items() if is_own_folder(frozenset(held))))

    def is_marker(self, path: str) -> bool:
        """Whether an empty object stands for a folder: consoles and Hadoop write one, and it holds no rows."""
        return path in self.names or "." not in path.rpartition("/")[2] or path.endswith(HADOOP_FOLDER)

    def parts(self, path: str) -> list[PathPart]:
        """The parts of an object's path."""
        names = path.split("/")
        folders = ["/".join(names[:depth]) for depth in range(len(names) + 1)]
        return [
            PathPart(name, is_bookkeeping(name, self.names[above]) or here in self.own)
            for name, (above, here) in zip(names, pairwise(folders), strict=True)
        ]


def _matching(url: str) -> list[FoundFile | UnreadPath]:
    """The objects that a glob matches, and what there is to read below the folders that it matches."""
    fixed, pattern = [], url.split("/")
    while not glob.has_magic(pattern[0]):
        fixed.append(pattern.pop(0))
    base = "/".join(fixed)
    below, skipped = _below(base)
    level = _Levels.of(below)
    inside: dict[str, list[Size]] = {}
    named: list[FoundFile] = []
    for path, size in below:
        parts = level.parts(path)
        depth = next((at for at in range(len(parts), 0, -1) if matches(parts[:at], pattern)), 0)
        if depth < len(parts):
            above = "/".join(part.name for part in parts[:depth])
            inside.setdefault(above, []).append((path.removeprefix(f"{above}/"), size))
        elif size or not level.is_marker(path):
            require_format(path)
            named.append(FoundFile(f"{base}/{path}", size, f"{base}/{path}".rpartition("/")[0]))
    inside.pop("", None)
    if not named and not inside:
        names = list_names([path for path, _ in below])
        raise UsageError(f"{url}: no object matches; {base} holds: {names}{hint(url)}")
    return [*named, *(it for folder, held in inside.items() for it in _in_folder(f"{base}/{folder}", held)), *skipped]


def _below(folder: str) -> tuple[list[Size], list[UnreadPath]]:
    """The objects below a folder, and the folders among them that cannot be listed."""
    objects = Objects.open(folder)
    try:
        return list(objects.walk()), []
    except StoreError as error:
        if not isinstance(error.__cause__, InvalidPathError):
            raise
    found = list(_by_folders(objects.raw, "", folder))
    return [it for it in found if not isinstance(it, UnreadPath)], [it for it in found if isinstance(it, UnreadPath)]


def _by_folders(raw: Any, prefix: str, uri: str) -> Iterator[Size | UnreadPath]:
    """As `_below`, folder by folder: one key that is no path (``a//b``, ``a/./b``) makes a whole listing fail."""
    try:
        level = obstore.list_with_delimiter(raw, prefix or None)
    except InvalidPathError as error:
        key = re.search(r'path: "(.*)"', str(error))
        reason = f"it cannot be listed: keys in it begin with {key[1] if key else '//'}, which is no path: rename them"
        yield UnreadPath(f"{uri}/{prefix}" if prefix else uri, reason)
        return
    for entry in level["objects"]:
        yield entry["path"], entry["size"]
    for folder in level["common_prefixes"]:
        yield from _by_folders(raw, folder, uri)


def _size(url: str) -> int | None:
    """Bytes of an object; None where there is none of that name."""
    folder, _, name = url.rpartition("/")
    if not name or folder.endswith("/"):
        return None
    try:
        return int(obstore.head(Objects.open(folder).raw, name)["size"])
    except FileNotFoundError:
        return None
    except BaseError as error:
        raise UsageError(f"{url}: cannot be read: {first_line(error)}") from error
