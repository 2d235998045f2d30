"""Files that a user asked for, written whole or not at all: what was there stays until the new one is on the disk."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from encore.featurestore.errors import StoreError
from encore.featurestore.storage.refusals import disk_refusal
from encore.featurestore.storage.sync import sync_file, sync_folder

LINKS = 40
"""Links in a row that are followed, as on Linux."""
OPEN_FILES = ("/proc", "/dev/fd")
"""Folders with the names of open files: ``/dev/stdout`` leads there, and a file may lie behind it."""
NOT_REPLACED = frozenset({errno.EBUSY, errno.EPERM, errno.EACCES, errno.EXDEV})
"""Error numbers for a file that can be written but not replaced: a mount of its own, or another user's in /tmp."""


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """A file to write to, which replaces what was there and takes its mode.

    Until it is written, it has another name in the same folder. After an error, Ctrl-C or a power cut, the old file is
    there, or none if there was none. A link stays, and its target is replaced. Devices, pipes and open files
    (``/dev/stdout``), and a file in a folder that takes no new ones, are written to in place.

    Raises:
        StoreError: it cannot be written.
    """
    target = _replaceable(path)
    if target is None:
        with path.open("wb") as file:
            yield file
        return
    staged = target.with_name(f".encore-{secrets.token_hex(8)}")
    try:
        with staged.open("xb") as file:
            with suppress(FileNotFoundError):
                os.fchmod(file.fileno(), stat.S_IMODE(target.stat().st_mode))
            yield file
        sync_file(staged)
        _replace(staged, target)
        sync_folder(target.parent)
    except OSError as error:
        raise StoreError(f"{path}: cannot be written: {disk_refusal(error)}") from error
    finally:
        with suppress(OSError):
            staged.unlink()


def _replaceable(path: Path) -> Path | None:
    """The file that may be replaced, itself or behind links; None where a name is to be written to as it is."""
    for _ in range(LINKS):
        folder = Path(os.path.realpath(path.parent))
        path = folder / path.name
        if any(folder.is_relative_to(place) for place in OPEN_FILES):
            return None
        if not path.is_symlink():
            return path if (path.is_file() or not path.exists()) and os.access(folder, os.W_OK) else None
        path = folder / path.readlink()
    return None


def _replace(staged: Path, target: Path) -> None:
    try:
        staged.replace(target)
    except OSError as error:
        if error.errno not in NOT_REPLACED or not target.exists():
            raise
        shutil.copyfile(staged, target)
        sync_file(target)
