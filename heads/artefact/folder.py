"""The directory of a head, on a disk or in object storage. It is written and read as a whole."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import suppress
from itertools import islice
from os import PathLike
from pathlib import Path

from encore.featurestore.common import several
from encore.featurestore.errors import StoreError, UsageError
from encore.featurestore.storage import Address, Objects, check_folder, exchange, make_folder, sync_folder, sync_tree

HEAD_FILE = "head.json"
WEIGHTS_FILE = "weights.safetensors"

LOOKED_AT = 1000
"""Objects that are checked for being a head's: one page of a listing. A bucket may hold millions."""


def check_head_folder(directory: str | PathLike[str]) -> None:
    """Check that a head can be written to a directory, before it is trained.

    Raises:
        UsageError: the directory holds something that is not a head, or it cannot be written.
        StoreError: object storage refuses access.
    """
    address = several(directory, "directory", "str")[0]
    target = Address.parse(address).local
    if target is None:
        _open_free(address)
        return
    _refuse_foreign(target)
    above = next(folder for folder in target.parents if folder.exists())
    if not above.is_dir() or not os.access(above, os.W_OK):
        raise UsageError(f"{target}: cannot be written: {above} takes no folders; see who may write there")


def replace_folder(directory: str | PathLike[str], files: Mapping[str, bytes]) -> None:
    """Write files to a directory so that a reader never gets old files mixed with new ones.

    On a disk the files are written and synced to a hidden folder beside the directory. That folder then takes the
    directory's name. One atomic exchange replaces an existing directory. Where the system has no such exchange, two
    renames do it: a kill or a power cut between them leaves the old directory beside it, under a hidden name.

    Object storage has no renames. There the files are put one after the other, and a read between two puts fails with
    an error: the files do not fit each other.

    Raises:
        UsageError: the directory holds something that is not a head.
        StoreError: the directory cannot be written.
    """
    address = several(directory, "directory", "str")[0]
    target = Address.parse(address).local
    if target is None:
        folder = _open_free(address)
        for name in sorted(files, reverse=True):
            # head.json goes last: a folder without it holds no head yet.
            folder.put(name, files[name])
        return
    _refuse_foreign(target)
    try:
        make_folder(target.parent)
        beside = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
        try:
            made = beside / "new"
            made.mkdir()
            for name, content in files.items():
                (made / name).write_bytes(content)
            sync_tree(made)
            if not (target.exists() and exchange(made, target)):
                _rename(made, target, beside / "old")
            # The new name must be on the disk before the old folder is removed.
            sync_folder(target.parent)
        finally:
            shutil.rmtree(beside, ignore_errors=True)
    except OSError as error:
        raise StoreError(f"{target}: cannot be written: {error.strerror or error}") from error


def read_folder(directory: str | PathLike[str]) -> tuple[str, dict[str, bytes]]:
    """Name of a head's directory, and name → content of each of its files that exists.

    Raises:
        UsageError: no such directory, or no file of a head in it.
        StoreError: a file cannot be read.
    """
    name = several(directory, "directory", "str")[0]
    folder = Address.parse(name).local
    if folder is None:
        objects = Objects.open(name)
        files = {}
        for file in (HEAD_FILE, WEIGHTS_FILE):
            with suppress(FileNotFoundError):
                files[file] = objects.get(file)
    elif not folder.is_dir():
        raise UsageError(f"{name}: no such directory; a head is a directory that encore train wrote")
    else:
        try:
            there = [file for file in (HEAD_FILE, WEIGHTS_FILE) if (folder / file).is_file()]
            files = {file: (folder / file).read_bytes() for file in there}
        except OSError as error:
            raise StoreError(f"{name}: cannot be read: {error.strerror or error}") from error
    if not files:
        raise UsageError(f"{name}: not a head: no {HEAD_FILE} in it")
    return name.rstrip("/"), files


def _rename(made: Path, target: Path, old: Path) -> None:
    """Rename ``made`` to ``target``. An existing ``target`` becomes ``old``; it comes back if the rename fails."""
    if target.exists():
        target.rename(old)
    try:
        made.rename(target)
    except BaseException:
        if old.exists():
            old.rename(target)
        raise


def _open_free(url: str) -> Objects:
    """Open a folder in object storage; raise UsageError where it holds anything but a head."""
    folder = Objects.open(url)
    check_folder(folder)
    _refuse_others(folder.uri, (path.partition("/")[0] for path, _ in islice(folder.walk(), LOOKED_AT)))
    return folder


def _refuse_foreign(target: Path) -> None:
    if not target.exists():
        return
    if not target.is_dir():
        raise UsageError(f"{target}: is a file; give a directory for the head")
    _refuse_others(str(target), (path.name for path in target.iterdir()))


def _refuse_others(folder: str, names: Iterable[str]) -> None:
    foreign = sorted({name for name in names if name not in (HEAD_FILE, WEIGHTS_FILE)})
    if foreign:
        raise UsageError(
            f"{folder}: holds {', '.join(foreign[:5])}, which no head has; give a directory for the head alone"
        )
