"""Writing local files whole: over an old file, or only if there is none; also where there are no hard links.

The bytes are written under another name first. A rename then gives the file its name, and replaces whatever has that.
To create a file, a hard link gives it the name: a link fails if the name is taken.

Some file systems have no links (FAT, and many under FUSE or SMB). There a rename that replaces nothing does the same.
If that is missing too, an empty file takes the name and is then replaced (docs/design/0037).
"""

from __future__ import annotations

import ctypes
import errno
import os
import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path

from encore.featurestore.errors import StoreError
from encore.featurestore.storage.sync import sync_descriptor, syncing

NO_LINKS = frozenset(
    {errno.EPERM, errno.EACCES, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL, errno.EMLINK, errno.EXDEV}
)
"""Error numbers of file systems without hard links; one that allows no writing fails again at the next step."""
AT_FDCWD = -100
RENAME_NOREPLACE, RENAME_EXCHANGE = 1, 2

POLLS, PAUSE = 100, 0.01
"""How often an empty file is looked at again, and after how many seconds: another process may be taking its name
just now."""
LEFT_EMPTY = "empty: its writer was stopped, or is still at work; if no job runs, remove this file and run again"
"""The error about a name that an empty file has taken."""


def put_file(path: Path, data: bytes | memoryview, *, synced: bool = False) -> None:
    """Write a file over whatever was there, with the folders above it; a reader never sees a part of it.

    Args:
        path: of the file.
        data: its content.
        synced: whether the content is on the disk before it has the name: a power cut leaves the old one or the new.

    Raises:
        OSError: it cannot be written.
    """
    staged = _staged(path, data, synced=synced)
    try:
        staged.replace(path)
    except BaseException:
        with suppress(FileNotFoundError):
            staged.unlink()
        raise


def create_file(path: Path, data: bytes, *, synced: bool = False) -> bool:
    """Write a file, and the folders above it, unless there is one; returns whether this call wrote it.

    A reader never sees a part of it: it is there whole, or (without links and such renames) empty for a moment.

    Args:
        path: of the file.
        data: its content.
        synced: whether the content is on the disk before it has the name.

    Raises:
        StoreError: an empty file has the name and stays empty: a process was killed within that moment.
        OSError: it cannot be written.
    """
    staged = _staged(path, data, synced=synced)
    try:
        return _named(staged, path)
    finally:
        with suppress(FileNotFoundError):
            staged.unlink()


def filled(path: Path, read: Callable[[], bytes | None]) -> bytes | None:
    """The result of ``read`` on a file that was empty, once it is not, or after `POLLS` tries."""
    found: bytes | None = b""
    for _ in range(POLLS):
        if found or not path.exists():
            break
        time.sleep(PAUSE)
        found = read()
    return found


def exchange(path: Path, other: Path) -> bool:
    """Give two names to each other's files or folders in one step; False where the system cannot."""
    rename = _renameat2()
    there = AT_FDCWD, os.fsencode(path), AT_FDCWD, os.fsencode(other)
    return rename is not None and rename(*there, RENAME_EXCHANGE) == 0


def _staged(path: Path, data: bytes | memoryview, *, synced: bool) -> Path:
    """Write the bytes to a new file beside ``path`` and return its name; a vacuum removes files of killed writers."""
    staged = path.with_name(f"{path.name}#{secrets.randbelow(1 << 62)}")
    for look in range(POLLS):
        try:
            with staged.open("xb") as file:
                file.write(data)
                if synced and syncing():
                    file.flush()
                    sync_descriptor(file.fileno())
            break
        except FileNotFoundError:
            # Others remove a folder with the last object in it, even between these two steps.
            if look == POLLS - 1:
                raise
            path.parent.mkdir(parents=True, exist_ok=True)
        except BaseException:
            with suppress(OSError):
                staged.unlink()
            raise
    return staged


def _named(staged: Path, path: Path) -> bool:
    try:
        os.link(staged, path)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
        named = _renamed(staged, path)
        return _claimed(staged, path) if named is None else named
    return True


def _renamed(staged: Path, path: Path) -> bool | None:
    """Whether a rename that replaces nothing gave the file its name; None where there is no such rename."""
    rename = _renameat2()
    # A FUSE server that ignores flags may replace a file all the same: this look sees most such files before.
    if rename is None or os.path.lexists(path):
        return None
    if rename(AT_FDCWD, os.fsencode(staged), AT_FDCWD, os.fsencode(path), RENAME_NOREPLACE) == 0:
        return True
    return False if ctypes.get_errno() == errno.EEXIST else None


@cache
def _renameat2() -> Callable[..., int] | None:
    """Linux's ``renameat2``, which Python does not offer; None on other systems."""
    return getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)


def _claimed(staged: Path, path: Path) -> bool:
    """Take the name with an empty file and replace that; False where the name has a file that is not empty."""
    for _ in range(POLLS):
        try:
            path.touch(exist_ok=False)
        except FileExistsError:
            with suppress(FileNotFoundError):
                if path.stat().st_size:
                    return False
            time.sleep(PAUSE)
            continue
        try:
            staged.replace(path)
        except BaseException:
            path.unlink()
            raise
        return True
    raise StoreError(f"{path}: {LEFT_EMPTY}")
