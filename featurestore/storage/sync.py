"""Getting what was written onto the disk, so that a power cut takes nothing that a commit names (docs/design/0044).

A file system writes when it likes and in any order: until a file is synced it may come back empty, cut or full of
zeros, and until its folder is, under its old name or none.
"""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock

from encore.featurestore.errors import StoreError
from encore.featurestore.storage.refusals import disk_refusal

NO_SYNC = "ENCORE_NO_SYNC"
"""Environment variable that turns all syncing off, also in the workers of a job: for scratch data and tests."""
THREADS = 16
"""Files that are synced at a time: the disk then writes many in one go."""
NO_FOLDER_SYNC = frozenset(
    {errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EBADF, errno.EACCES, errno.EISDIR}
)
"""Error numbers for a folder that cannot be synced: by the file system, or because it may be written to but not
read."""


def syncing() -> bool:
    """Whether anything is synced at all."""
    return os.environ.get(NO_SYNC, "") in {"", "0"}


def sync_descriptor(descriptor: int) -> None:
    """Make sure that an open file or folder is on the disk, not only on its way there."""
    full = getattr(fcntl, "F_FULLFSYNC", None)
    if full is not None:
        # On macOS fsync leaves the data in the disk's own cache.
        try:
            fcntl.fcntl(descriptor, full)
        except OSError:
            os.fsync(descriptor)
    else:
        os.fsync(descriptor)


def sync_file(path: Path) -> None:
    """Make sure that the content of a file is on the disk, whoever wrote it; a file that is gone is no error.

    Raises:
        OSError: the content may be lost; a second call may nevertheless succeed.
    """
    if syncing():
        _sync(path)


def sync_folder(path: Path) -> None:
    """Make sure that the names in a folder are on the disk, if the file system can; a folder that is gone is no error.

    Raises:
        OSError: they may be lost.
    """
    if not syncing():
        return
    try:
        _sync(path)
    except OSError as error:
        if error.errno not in NO_FOLDER_SYNC:
            raise


def sync_tree(folder: Path) -> None:
    """Make sure that all that lies in a folder is on the disk, with its names; not the folder's own name."""
    for path, _, files in os.walk(folder):
        for name in files:
            sync_file(Path(path, name))
        sync_folder(Path(path))


def make_folder(path: Path) -> None:
    """Make a folder, and those above it, whose names outlast a power cut.

    Raises:
        OSError: it cannot be made.
    """
    new = [folder for folder in (path, *path.parents) if not folder.exists()]
    path.mkdir(parents=True, exist_ok=True)
    for folder in new:
        sync_folder(folder.parent)


class UnsyncedPaths:
    """What was written below one root and is not known to be on the disk yet. Threads may share it.

    Args:
        root: the folder up to which names are synced.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._files: set[Path] = set()
        self._folders: set[Path] = set()
        self._at_work = Lock()
        self._lost: str | None = None

    def written(self, file: Path) -> None:
        """Note that a file has just been given this name."""
        if syncing():
            self._files.add(file)

    def removed(self, file: Path) -> None:
        """Note that a file has just lost this name."""
        if syncing():
            self._folders.add(file.parent)

    def sync(self, also: Iterable[Path] = ()) -> None:
        """Return when all files and names are on the disk, also those that another thread has begun to sync.

        Args:
            also: files that another process may have written.

        Raises:
            StoreError: some of it may be lost. Later calls raise this again: a system that failed to write forgets that
                it did.
        """
        with self._at_work:
            if self._lost is not None:
                raise StoreError(self._lost)
            files, folders = _taken(self._files), _taken(self._folders)
            try:
                self._sync(files.union(also), folders)
            except BaseException:
                self._files |= files
                self._folders |= folders
                raise

    def sync_names(self, file: Path) -> None:
        """Return when the names of a file and of the folders above it are on the disk.

        Raises:
            StoreError: they may be lost.
        """
        for folder in self._up_to_root(file.parent):
            self._or_lost(sync_folder, folder)

    def _sync(self, files: set[Path], folders: set[Path]) -> None:
        above = {up for folder in {file.parent for file in files} | folders for up in self._up_to_root(folder)}
        if not above or not syncing():
            return
        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(lambda file: self._or_lost(sync_file, file), files))
            list(pool.map(lambda folder: self._or_lost(sync_folder, folder), above))

    def _or_lost(self, sync: Callable[[Path], None], path: Path) -> None:
        try:
            sync(path)
        except OSError as error:
            reason = disk_refusal(error).partition(" (os error")[0]
            todo = "" if "; " in reason else "; check the disk, and run the command again"
            self._lost = f"{path}: written, and may be lost: {reason}{todo}"
            raise StoreError(self._lost) from error

    def _up_to_root(self, folder: Path) -> Iterator[Path]:
        yield folder
        while folder not in {self._root, folder.parent}:
            folder = folder.parent
            yield folder


def _taken(paths: set[Path]) -> set[Path]:
    """What a set holds, taken out one by one: another thread may be adding to it."""
    taken = set()
    while paths:
        taken.add(paths.pop())
    return taken


def _sync(path: Path) -> None:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        sync_descriptor(descriptor)
    finally:
        os.close(descriptor)
