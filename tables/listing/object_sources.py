"""Listing corpus files in object storage."""

from __future__ import annotations

import glob
from fnmatch import fnmatchcase

import obstore
from obstore.exceptions import BaseError

from featurestore.errors import UsageError
from tables.files import open_folder
from tables.formats import format_of_name, require_format
from tables.listing.local_sources import HIDDEN
from tables.names import list_names


def list_objects(url: str) -> list[tuple[str, int]]:
    """(URL, bytes) of the corpus files that an object, a prefix or a glob stands for.

    Raises:
        UsageError: there is no such object; the text lists what is there.
        StoreError: the storage refuses.
    """
    if glob.has_magic(url):
        return _matching(url)
    size = _size(url)
    if size is not None:
        require_format(url)
        return [(url, size)]
    below = _below(url.rstrip("/"))
    found = [(uri, size) for uri, size in below if _is_corpus_file(uri.removeprefix(url))]
    if not found:
        names = [uri.removeprefix(url.rstrip("/") + "/") for uri, _ in below]
        raise UsageError(f"{url}: no such object, and no corpus file below it; objects there: {list_names(names)}")
    return found


def _matching(url: str) -> list[tuple[str, int]]:
    fixed, pattern = [], url.split("/")
    while not glob.has_magic(pattern[0]):
        fixed.append(pattern.pop(0))
    base = "/".join(fixed)
    below = _below(base)
    found = [(uri, size) for uri, size in below if _matches(uri.removeprefix(base + "/").split("/"), pattern)]
    if not found:
        names = [uri.removeprefix(base + "/") for uri, _ in below]
        raise UsageError(f"{url}: no object matches; {base} holds: {list_names(names)}")
    for uri, _ in found:
        require_format(uri)
    return found


def _below(folder: str) -> list[tuple[str, int]]:
    return [(f"{folder}/{path}", size) for path, size in open_folder(folder).walk()]


def _size(url: str) -> int | None:
    """Bytes of an object; None where there is none of that name."""
    folder, _, name = url.rpartition("/")
    if not name or folder.endswith("/"):
        return None
    try:
        return int(obstore.head(open_folder(folder).raw, name)["size"])
    except FileNotFoundError:
        return None
    except BaseError as error:
        raise UsageError(f"{url}: cannot be read: {(str(error).splitlines() or [''])[0]}") from error


def _is_corpus_file(path: str) -> bool:
    hidden = any(part.startswith(HIDDEN) for part in path.split("/"))
    return not hidden and format_of_name(path) is not None


def _matches(parts: list[str], pattern: list[str]) -> bool:
    """Whether path parts match a glob's parts; ``**`` stands for any number of parts, ``*`` not for hidden ones."""
    if not pattern:
        return not parts
    if pattern[0] == "**":
        if pattern[1:] == []:
            return bool(parts)
        return any(_matches(parts[skip:], pattern[1:]) for skip in range(len(parts)))
    if not parts or (parts[0].startswith(".") and not pattern[0].startswith(".")):
        return False
    return fnmatchcase(parts[0], pattern[0]) and _matches(parts[1:], pattern[1:])
