"""Whether what a job writes would be among what it reads the next time."""

from __future__ import annotations

import glob
import os
from pathlib import Path

from encore.featurestore.storage import Address
from encore.tablefiles.listing.globs import Part, absolute, matches
from encore.tablefiles.listing.listing import is_bookkeeping


def covers(text: str, output: str) -> bool:
    """Whether an input (a file, a folder or a glob) stands for a file or a folder at ``output`` as well.

    Args:
        text: an input, as `list_files` takes it.
        output: path or URL of what is to be written; it need not exist.
    """
    source, target = Address.parse(text), Address.parse(output)
    if bool(source.scheme) != bool(target.scheme):
        return False
    is_glob = glob.has_magic(text)
    named, parts = _parts(source, links=is_glob), _parts(target, links=is_glob)
    pattern = named if source.scheme else absolute(source.path).parts
    marked = [Part(part, is_bookkeeping(part, ())) for part in parts]
    matched = is_glob and any(matches(marked[:depth], pattern) for depth in range(1, len(parts) + 1))
    return matched or parts[: len(named)] == named


def _parts(address: Address, *, links: bool) -> list[str]:
    """Parts of an absolute path, or of a URL; ``links`` leaves links as they are: a glob names no place to resolve."""
    if address.scheme:
        return str(address).rstrip("/").split("/")
    path = Path(os.path.abspath(os.path.expanduser(address.path)))  # noqa: PTH100, PTH111
    return list((path if links else path.resolve()).parts)
