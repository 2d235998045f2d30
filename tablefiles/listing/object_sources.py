"""Listing files in object storage."""

from __future__ import annotations

import glob
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any

import obstore
from obstore.exceptions import BaseError, InvalidPathError

from featurestore.errors import StoreError, UsageError
from featurestore.objects import Objects
from tablefiles.formats import format_of_name, require_format
from tablefiles.listing.listing import EMPTY, UNKNOWN_ENDING, Found, Unread, is_bookkeeping, is_own_folder
from tablefiles.names import list_names

HADOOP_FOLDER = "_$folder$"

Size = tuple[str, int]
"""Path of an object below some folder, and its bytes."""


def list_objects(url: str) -> list[Found | Unread]:
    """What an object, a prefix or a glob stands for.

    Raises:
        UsageError: there is no such object; the text lists what is there.
        StoreError: the storage refuses.
    """
    size = _size(url)
    if size is not None:
        require_format(url)
        return [Found(url, size, url.rpartition("/")[0])]
    folder = url.rstrip("/")
    below, skipped = _below(folder)
    if glob.has_magic(url) and not below:
        return _matching(url)
    found = [*_in_folder(folder, below), *skipped]
    if not any(isinstance(it, Found) or it.reason == EMPTY for it in found):
        names = list_names([path for path, _ in below])
        raise UsageError(f"{url}: no such object, and no file to read below it; objects there: {names}")
    return found


def _in_folder(folder: str, below: list[Size]) -> Iterator[Found | Unread]:
    """What there is to read of a folder's objects, and what is not read."""
    names = _names(below)
    own = {path for path, held in names.items() if is_own_folder(frozenset(held))}
    folders = {path[:at] for path, _ in below for at, character in enumerate(path) if character == "/"}
    for path, size in below:
        parts = path.split("/")
        ancestors = ["/".join(parts[:depth]) for depth in range(len(parts))]
        kept = (is_bookkeeping(part, names[above]) for part, above in zip(parts, ancestors, strict=True))
        if any(kept) or not own.isdisjoint(ancestors) or (not size and _is_marker(path, folders)):
            continue
        uri, parent = f"{folder}/{path}", "/".join(parts[:-1])
        if format_of_name(path) is None:
            yield Unread(uri, UNKNOWN_ENDING)
        elif not size:
            # Among them the markers that some tools put for folders, whatever their name ends in.
            yield Unread(uri, EMPTY)
        else:
            yield Found(uri, size, parent)


def _is_marker(path: str, folders: set[str]) -> bool:
    """Whether an empty object stands for a folder: consoles and Hadoop write one, and it holds no rows."""
    return path in folders or "." not in path.rpartition("/")[2] or path.endswith(HADOOP_FOLDER)


def _names(below: list[Size]) -> dict[str, set[str]]:
    """Path of each folder → the names in it; ``""`` is the folder that is listed."""
    names: dict[str, set[str]] = {}
    for path, _ in below:
        parts = path.split("/")
        for depth, part in enumerate(parts):
            names.setdefault("/".join(parts[:depth]), set()).add(part)
    return names


def _matching(url: str) -> list[Found | Unread]:
    fixed, pattern = [], url.split("/")
    while not glob.has_magic(pattern[0]):
        fixed.append(pattern.pop(0))
    base = "/".join(fixed)
    below, skipped = _below(base)
    found = [(path, size) for path, size in below if matches(path.split("/"), pattern)]
    if not found:
        raise UsageError(f"{url}: no object matches; {base} holds: {list_names([path for path, _ in below])}")
    for path, _ in found:
        require_format(path)
    return [*(Found(f"{base}/{path}", size, f"{base}/{path}".rpartition("/")[0]) for path, size in found), *skipped]


def _below(folder: str) -> tuple[list[Size], list[Unread]]:
    """The objects below a folder, and the folders among them that cannot be listed."""
    objects = Objects.open(folder)
    try:
        return list(objects.walk()), []
    except StoreError as error:
        if not isinstance(error.__cause__, InvalidPathError):
            raise
    found = list(_by_folders(objects.raw, "", folder))
    return [it for it in found if not isinstance(it, Unread)], [it for it in found if isinstance(it, Unread)]


def _by_folders(raw: Any, prefix: str, uri: str) -> Iterator[Size | Unread]:
    """The same folder by folder: one key that is no path (``a//b``, ``a/./b``) makes a whole listing fail."""
    try:
        level = obstore.list_with_delimiter(raw, prefix or None)
    except InvalidPathError as error:
        key = re.search(r'path: "(.*)"', str(error))
        reason = f"it cannot be listed: keys in it begin with {key[1] if key else '//'}, which is no path: rename them"
        yield Unread(f"{uri}/{prefix}" if prefix else uri, reason)
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
        raise UsageError(f"{url}: cannot be read: {(str(error).splitlines() or [''])[0]}") from error


def matches(parts: list[str], pattern: list[str]) -> bool:
    """Whether path parts match a glob's parts; ``**`` stands for any number of parts, ``*`` not for hidden ones."""
    if not pattern:
        return not parts
    if pattern[0] == "**":
        if pattern[1:] == []:
            return bool(parts)
        return any(matches(parts[skip:], pattern[1:]) for skip in range(len(parts)))
    if not parts or (parts[0].startswith(".") and not pattern[0].startswith(".")):
        return False
    return fnmatchcase(parts[0], pattern[0]) and matches(parts[1:], pattern[1:])
