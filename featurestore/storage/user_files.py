"""Files and folders that a user names: one place for all options, local or in object storage."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import BinaryIO, cast

from obstore.exceptions import InvalidPathError

from encore.featurestore.errors import StoreError, UsageError
from encore.featurestore.storage.addresses import Address, without_credentials
from encore.featurestore.storage.objects import Objects
from encore.featurestore.storage.replacement import whole_file

IN_MEMORY = 64 << 20
"""A file for object storage stays in memory up to this size; a larger one goes to a disk first."""


def read_file(text: str) -> bytes:
    """Bytes of a file.

    Raises:
        UsageError: there is none, or it cannot be read.
        StoreError: object storage refuses.
    """
    address = Address.parse(text)
    path = address.local
    try:
        return _folder(address).get(address.name) if path is None else path.read_bytes()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise UsageError(f"{text}: no such file") from error
    except IsADirectoryError as error:
        raise UsageError(f"{text}: is a directory, expected a file") from error
    except OSError as error:
        raise UsageError(f"{text}: cannot be read: {error.strerror or error}") from error


def check_file(text: str, option: str) -> None:
    """Check that a file can be written, before the work for it begins; a local folder for it is made.

    Raises:
        UsageError: it cannot. In object storage its folder is listed, which shows whether the bucket is there and
            answers.
    """
    try:
        address = Address.parse(text)
    except UsageError as error:
        raise UsageError(f"{option} {without_credentials(text)!r}: cannot be written: {error}") from error
    try:
        path = address.local
        if not address.name or text.endswith("/") or (path and path.is_dir()):
            raise IsADirectoryError("it names a folder, not a file")
        if path is None:
            check_folder(_folder(address))
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            if not os.access(path if path.exists() else path.parent, os.W_OK):
                raise PermissionError("not allowed")
    except (OSError, UsageError, StoreError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise UsageError(f"{option} {text!r}: cannot be written: {reason}") from error


@contextmanager
def new_file(text: str) -> Iterator[BinaryIO]:
    """A file to write to, over whatever was there once it is complete (`encore.featurestore.storage.replacement`).

    What goes to object storage is kept in memory until then, and beyond `IN_MEMORY` in a temporary file.

    Raises:
        StoreError: it cannot be written, or object storage refuses.
    """
    address = Address.parse(text)
    path = address.local
    if path is not None:
        with whole_file(path) as file:
            yield file
        return
    with SpooledTemporaryFile(IN_MEMORY) as staged:
        # It has all methods of a file; only its type has another name.
        yield cast("BinaryIO", staged)
        _folder(address).put_file(address.name, staged)


def local_folder(text: str, option: str) -> Path:
    """The local folder that an option names, for what is not written to object storage.

    Raises:
        UsageError: it is no local path.
    """
    address = Address.parse(text)
    if address.local is None:
        raise UsageError(f"{option} {text}: only local folders work here; give a local one, and copy it afterwards")
    return Path(address.path).expanduser()


def check_folder(folder: Objects) -> None:
    """Check that a folder takes what is written to it, as far as can be seen without writing.

    Raises:
        UsageError: it does not, or there is no such bucket.
        StoreError: object storage refuses to list it.
    """
    if not folder.on_disk:
        try:
            next(folder.walk(), None)
        except StoreError as error:
            # The folder holds a key that is no path (``a//b``). It answers, and takes other keys all the same.
            if not isinstance(error.__cause__, InvalidPathError):
                raise
    elif not os.access(folder.uri, os.W_OK):
        raise UsageError(f"{folder.uri}: not allowed; see who may write there")


def _folder(address: Address) -> Objects:
    """The folder of an object."""
    return Objects.open(str(address.parent))
