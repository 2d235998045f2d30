"""Symbolic links below a local root: what is written or removed through one lies outside the root.

The root itself may be a link. Reading follows links, which harms nothing; hard links and mounts cannot be told from
what lies there.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator

from encore.featurestore.errors import StoreError

LINK_ADVICE = "Encore writes and removes nothing through links; remove the link, or make the root itself a link"


def require_no_link(root: str, path: str) -> None:
    """Check that nothing on the way to an object, and not the object itself, is a link.

    Args:
        root: a local folder.
        path: of the object below it; what is not there is no link.

    Raises:
        StoreError: names the link.
    """
    at = root.rstrip("/")
    for part in path.split("/"):
        at = f"{at}/{part}"
        try:
            mode = os.lstat(at).st_mode
        except (FileNotFoundError, NotADirectoryError):
            return
        if stat.S_ISLNK(mode):
            raise StoreError(f"{at}: is a symbolic link: {LINK_ADVICE}")


def find_links(root: str) -> Iterator[str]:
    """Full names of all links below a local folder, none of them followed.

    Raises:
        StoreError: a folder cannot be read, so that links in it stay unknown.
    """
    pending = [root]
    while pending:
        folder = pending.pop()
        try:
            with os.scandir(folder) as found:
                for entry in found:
                    if entry.is_symlink():
                        yield entry.path
                    elif entry.is_dir(follow_symlinks=False):
                        pending.append(entry.path)
        except FileNotFoundError:
            # It was removed meanwhile.
            continue
        except OSError as error:
            raise StoreError(f"{folder}: cannot be read: {error.strerror}") from error
