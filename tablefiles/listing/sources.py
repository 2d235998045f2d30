"""From what a user names as input to the files that it stands for."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from encore.featurestore.common import several
from encore.featurestore.errors import UsageError
from encore.featurestore.storage import Address
from encore.tablefiles.files import TableFile, is_url
from encore.tablefiles.formats import require_format
from encore.tablefiles.listing.listing import EMPTY_FILE, FoundFile, Listing, UnreadPath
from encore.tablefiles.listing.local_sources import list_local
from encore.tablefiles.listing.object_sources import list_objects
from encore.tablefiles.partitions import partitions_of
from encore.tablefiles.text_options import PLAIN_TEXT, TextOptions

logger = logging.getLogger("encore")

UNREAD_NAMED = 5


def find_table_files(inputs: Sequence[str], options: TextOptions = PLAIN_TEXT) -> tuple[TableFile, ...]:
    """The files of `list_files`; what lies beside them and is not read is named in a warning, a line each."""
    listing = list_files(inputs, options)
    for it in listing.unread[:UNREAD_NAMED]:
        logger.warning("not read: %s: %s", it.uri, it.reason)
    if len(listing.unread) > UNREAD_NAMED:
        logger.warning("not read: %d more", len(listing.unread) - UNREAD_NAMED)
    return listing.files


def list_files(inputs: Sequence[str], options: TextOptions = PLAIN_TEXT) -> Listing:
    """What files, folders and globs stand for.

    Inputs are local paths or URLs of object storage (``s3://``, ``gs://``, ``az://``). A folder stands for its files
    with a known ending, at any depth. A file that is named, or matched by a glob, must have a known ending. A glob
    skips what the listing of a folder skips (`encore.tablefiles.listing.globs`). A file that is named twice, or by a
    link, counts once. Columns may stand in the names of folders (``section=sport/``): below a folder that is named, or
    in the path of a file that is named. Empty files hold no rows and are no error.

    Args:
        inputs: names, or a single one.
        options: what the user says about the text in them.

    Raises:
        UsageError: nothing is there, or an ending is unknown; the text lists what is there.
    """
    inputs = several(inputs, "inputs")
    if not inputs:
        raise UsageError("no input: name files, directories or globs")
    if not all(inputs):
        raise UsageError("an input is an empty name, as of a shell variable that is not set; name a file or directory")
    files: dict[str, TableFile] = {}
    unread: dict[str, UnreadPath] = {}
    # The longest path of folders comes first: a file that is both named with its folders and found below one keeps its
    # columns.
    found = [it for text in inputs for it in _list(text)]
    for it in sorted(found, key=lambda it: (it.uri, -len(it.folder) if isinstance(it, FoundFile) else 0)):
        if isinstance(it, UnreadPath):
            unread.setdefault(it.uri, it)
        elif not it.bytes:
            unread.setdefault(it.uri, UnreadPath(it.uri, EMPTY_FILE))
        else:
            identity = it.uri if is_url(it.uri) else str(Path(it.uri).resolve())
            file = TableFile(it.uri, require_format(it.uri), it.bytes, partitions_of(it.folder), options)
            files.setdefault(identity, file)
    bad = next(iter(unread.values()), None)
    if not files and bad is not None and all(it.reason != EMPTY_FILE for it in unread.values()):
        raise UsageError(f"{bad.uri}: nothing to read: {bad.reason}")
    return Listing(tuple(files.values()), tuple(unread.values()))


def _list(text: str) -> Sequence[FoundFile | UnreadPath]:
    address = Address.parse(text)
    return list_objects(str(address)) if address.scheme else list_local(address.path)
