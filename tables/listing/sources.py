"""From what a user names as input to the corpus files it stands for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import unquote

from featurestore.errors import UsageError
from tables.files import TableFile, is_url
from tables.formats import require_format
from tables.listing.local_sources import list_local
from tables.listing.object_sources import list_objects


def find_files(inputs: Sequence[str]) -> tuple[TableFile, ...]:
    """The corpus files that files, directories and globs stand for, sorted by uri.

    Inputs are local paths or URLs of object storage (``s3://``, ``gs://``, ``az://``). Of a directory the files with a
    known ending count, at any depth; a file that is named, or matched by a glob, must have one. A file named twice, or
    by a link, counts once.

    Raises:
        UsageError: nothing is there, or an ending is unknown; the text lists what is there.
    """
    if not inputs:
        raise UsageError("no input: name corpus files, directories or globs")
    if not all(inputs):
        raise UsageError("an input is an empty name, as of a shell variable that is not set; name a file or directory")
    sizes: dict[str, int] = {}
    for text in inputs:
        sizes |= dict(_list(text))
    files: dict[str, TableFile] = {}
    for uri in sorted(sizes):
        identity = uri if is_url(uri) else str(Path(uri).resolve())
        files.setdefault(identity, TableFile(uri, require_format(uri), sizes[uri]))
    return tuple(files.values())


def _list(text: str) -> Iterator[tuple[str, int]]:
    if is_url(text) and not text.startswith("file://"):
        yield from list_objects(text)
        return
    path = unquote(text.removeprefix("file://")) if text.startswith("file://") else text
    for found in list_local(path):
        yield str(found), found.stat().st_size
