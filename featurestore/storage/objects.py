"""Objects under one URI: a thin layer over obstore, whose errors name the object.

Local paths, ``s3://``, ``gs://`` and ``az://`` behave alike; credentials and endpoints come from the environment.
Requests that fail for a moment are made again (`encore.featurestore.storage.retries`).
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from io import FileIO
from os import PathLike
from pathlib import Path
from typing import IO, Any, TypeVar
from uuid import uuid4

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, GenericError
from obstore.store import LocalStore, from_url

from encore.featurestore.common import first_line
from encore.featurestore.errors import StoreError, UsageError
from encore.featurestore.storage.addresses import Address, masked
from encore.featurestore.storage.google_credentials import require_credentials
from encore.featurestore.storage.links import LINK_ADVICE, find_links, require_no_link
from encore.featurestore.storage.local_files import create_file, filled, put_file
from encore.featurestore.storage.refusals import NO_BUCKET, disk_refusal, refusal, require_plain_endpoint
from encore.featurestore.storage.retries import PATIENCE, again
from encore.featurestore.storage.sync import UnsyncedPaths, make_folder

ONE_PUT_BYTES = 100 << 20
"""An object of up to this size is written by one request: parts of a broken upload stay in the bucket, unlisted."""

REQUESTS_AT_ONCE = 16
"""Requests that a process makes at a time: it waits for storage meanwhile, not for its processor."""
OBJECTS_AT_ONCE = 8
"""Objects that a process reads at a time where it holds them whole in memory."""

PART_BYTES = 8 << 20
"""Bytes of each part of a larger object, unless that gives more than `MOST_PARTS` parts."""
MOST_PARTS = 5000
"""Maximum number of parts of an upload: S3 takes twice as many."""

PIECE = 8 << 20
"""Bytes of a large object that are in memory at a time while it is only compared."""

NO_NAME = re.compile(r"[\x00-\x1f\x7f]|#\d+$")
"""Paths that the client does not take on a disk: with control characters, or with the ending of its temporary files."""

OWN_NAME = re.compile(r"[\w-][\w.-]*(?:/[\w-][\w.-]*)*", re.ASCII)
"""Paths that are file names as they stand: storage escapes other characters, and no part leads out of the root."""

T = TypeVar("T")


@dataclass(frozen=True)
class ListedObject:
    """An object as a listing shows it: its path, its bytes, and when it was last written (with a time zone)."""

    path: str
    size: int
    written_at: datetime


class Objects:
    """Objects under one root.

    On a disk, what was written survives a power cut after the next `barrier`; what was created survives it at once. In
    object storage, what was confirmed survives.

    Attributes:
        uri: where the root is: an absolute local path, or a URL as `Address` writes it.
        raw: the obstore store, for libraries that take one.
        unsynced: what is not known to be on the disk yet; None in object storage.
    """

    def __init__(self, raw: Any, uri: str, unsynced: UnsyncedPaths | None = None) -> None:
        self.raw = raw
        self.uri = uri
        self._folder = str(raw.prefix or "/") if isinstance(raw, LocalStore) else None
        self.unsynced = UnsyncedPaths(Path(self._folder)) if unsynced is None and self._folder else unsynced

    def __repr__(self) -> str:
        return f"Objects({self.uri!r})"

    @classmethod
    def open(cls, uri: str | PathLike[str], *, make: bool = False) -> Objects:
        """The objects under ``uri``; ``make`` creates a local directory that is not there.

        Raises:
            UsageError: no such local directory, no address at all, or an endpoint with credentials in it.
        """
        address = Address.parse(uri)
        path = address.local
        if path is None:
            require_plain_endpoint(os.environ)
            require_credentials(address.request, os.environ)
            try:
                raw = from_url(address.request, retry_config={"retry_timeout": PATIENCE})
                return cls(raw, str(address).rstrip("/"))
            except (BaseError, ValueError) as error:
                raise UsageError(f"{address}: cannot be opened as object storage: {refusal(error)}") from error
        if path.exists() and not path.is_dir():
            raise UsageError(f"{path}: is a file, expected a directory")
        if not path.exists() and not make:
            raise UsageError(f"{path}: no such directory; correct the path")
        try:
            if make:
                make_folder(path)
            return cls(LocalStore(path, automatic_cleanup=True), str(path))
        except (OSError, BaseError) as error:
            raise UsageError(f"{path}: cannot be opened: {_reason(error)}") from error

    def get(self, path: str) -> bytes:
        """Bytes of an object; raises FileNotFoundError where there is none."""
        found = self._from_file(path, 0, FileIO.readall)
        if found == b"":
            found = filled(self._file(path), lambda: self._from_file(path, 0, FileIO.readall))
        if found is not None:
            return found
        with _naming(self.name(path)):
            return self._again(lambda: bytes(obstore.get(self.raw, path).bytes()))

    def get_range(self, path: str, start: int, length: int) -> bytes:
        """``length`` bytes from ``start``; raises FileNotFoundError where there is no object."""
        found = self._from_file(path, start, lambda file: _read_there(file, start, length))
        if found is not None and len(found) == length:
            return found
        with _naming(self.name(path)):
            return self._again(lambda: bytes(obstore.get_range(self.raw, path, start=start, length=length)))

    def sha256(self, path: str, size: int) -> str:
        """sha256 (hex) of an object of ``size`` bytes, read in pieces; raises FileNotFoundError where there is none."""
        digest = hashlib.sha256()
        for start in range(0, size, PIECE):
            digest.update(self.get_range(path, start, min(PIECE, size - start)))
        return digest.hexdigest()

    @property
    def on_disk(self) -> bool:
        """Whether objects are files of this machine, of which a request costs next to nothing."""
        return self._folder is not None

    def put(self, path: str, data: bytes | memoryview, *, durable: bool = True) -> None:
        """Write an object, over whatever was there.

        Args:
            path: of the object.
            data: its content.
            durable: whether a barrier waits for it; an object that nobody reads after a power cut need not be durable.
        """
        self._require_inside(path)
        with _naming(self.name(path)), self._writing():
            self._again(lambda: self._put(path, data))
            if durable and self.unsynced is not None:
                self.unsynced.written(self._file(path))

    def put_file(self, path: str, file: IO[bytes]) -> None:
        """Write an object in object storage from a file of any size, of which only some parts are held in memory."""
        with _naming(self.name(path)), self._writing():
            self._again(lambda: self._put(path, file))

    def replace(self, path: str, data: bytes) -> None:
        """Replace an object that is needed: a power cut before the next `barrier` leaves one of the two."""
        if self.unsynced is None:
            self.put(path, data)
            return
        self._require_inside(path)
        with _naming(self.name(path)), self._writing():
            put_file(self._file(path), data, synced=True)
            self.unsynced.written(self._file(path))

    def barrier(self, also: Iterable[str] = ()) -> None:
        """Return when everything that was written and removed here so far outlasts a power cut.

        What a commit writes next then never refers to a lost object (docs/design/0044).

        Args:
            also: paths that others may have written; one that is not there is no error.

        Raises:
            StoreError: something may be lost. Later barriers say so again.
        """
        if self.unsynced is not None:
            self.unsynced.sync(map(self._file, also))

    def create(self, path: str, data: bytes, *, durable: bool = True) -> bool:
        """Write an object unless there is one: atomic among any number of writers.

        If ``durable``, the object outlasts a power cut. What it refers to needs a `barrier` before.

        Returns:
            Whether this call wrote it. If the answer to a successful write is lost and the client tries again, the
            result is False although the bytes are this call's: a caller that must know compares what is there.
        """
        self._require_inside(path)
        with _naming(self.name(path)), self._writing():
            if self.unsynced is None:
                return self._again(lambda: self._create(path, data))
            created = create_file(self._file(path), data, synced=durable)
            if durable:
                # Also the name of another writer's file: that writer may have been stopped before this.
                self.unsynced.sync_names(self._file(path))
            return created

    def require_creates(self) -> None:
        """Check that storage creates an object only where there is none: without that, commits would lose each other.

        Raises:
            StoreError: it overwrites one. Some servers ignore the condition.
        """
        if self.unsynced is not None:
            return
        path = f"create-probe-{uuid4().hex}"
        try:
            self.create(path, b"first")
            if self.create(path, b"second"):
                raise StoreError(
                    f"{self.uri}: this storage overwrites an object that is to be created only where there is none "
                    "(If-None-Match), so jobs at the same time would lose each other's work; use other storage"
                )
        finally:
            self.delete([path])

    def size(self, path: str) -> int | None:
        """Bytes of an object; None where there is none."""
        found = self._head(path)
        return None if found is None else int(found["size"])

    def written_at(self, path: str) -> datetime | None:
        """When an object was last written, with a time zone; None where there is none."""
        found = self._head(path)
        return None if found is None else found["last_modified"]

    def listing(self, prefix: str) -> Iterator[ListedObject]:
        """Every object below ``prefix``, a folder, with its time."""
        for entry in self._entries(prefix):
            yield ListedObject(entry["path"], entry["size"], entry["last_modified"])

    def walk(self, prefix: str = "") -> Iterator[tuple[str, int]]:
        """(path, bytes) of every object below ``prefix``, a folder."""
        for entry in self._entries(prefix):
            yield entry["path"], entry["size"]

    def delete(self, paths: Iterable[str]) -> None:
        """Remove these objects; one that is not there is no error."""
        with _naming(self.uri):
            for path in paths:
                self._require_inside(path)
                self._again(partial(self._delete, path))
                if self.unsynced is not None:
                    self.unsynced.removed(self._file(path))

    def links(self) -> Iterator[str]:
        """Full names of the symbolic links below a local root; object storage has none."""
        return iter(()) if self._folder is None else find_links(self._folder)

    def require_no_links(self) -> None:
        """Check that no link lies below a local root; a removal calls this before it removes anything.

        Raises:
            StoreError: names the first link that is found.
        """
        for link in self.links():
            raise StoreError(f"{link}: is a symbolic link: {LINK_ADVICE}")

    def name(self, path: str) -> str:
        """Full name of an object, for messages."""
        return f"{self.uri}/{path}" if path else self.uri

    def _require_inside(self, path: str) -> None:
        """Raise StoreError where a local object would be reached through a link, or is one."""
        if self._folder is not None:
            require_no_link(self._folder, path)

    def _file(self, path: str) -> Path:
        """The file of an object on a disk; raises ValueError for a path that no listing would show."""
        if NO_NAME.search(path) or not {"", ".", ".."}.isdisjoint(path.split("/")):
            raise ValueError(f"{path!r}: not the path of an object")
        return Path(f"{self._folder}/{path}")

    def _from_file(self, path: str, start: int, read: Callable[[FileIO], T]) -> T | None:
        """What ``read`` makes of the file of an object, from ``start``; None where there is no such file.

        obstore hands a request to another thread. That takes longer than reading a small file, and many times as long
        while all cores are busy. If the file cannot be read, obstore is asked all the same, so that its error says why.
        """
        if self._folder is None or not OWN_NAME.fullmatch(path):
            return None
        try:
            with FileIO(f"{self._folder}/{path}", opener=_open_waiting_for_nobody) as file:
                file.seek(start)
                return read(file)
        except OSError:
            self._refuse_special(path)
            return None

    def _refuse_special(self, path: str) -> None:
        """Raise StoreError where a pipe or a device has an object's name: reading it may take for ever."""
        with suppress(OSError, ValueError):
            mode = 0 if self._folder is None else self._file(path).stat().st_mode
            if mode and not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
                raise StoreError(f"{self.name(path)}: is no file, but a pipe or a device; remove it")

    def _put(self, path: str, data: bytes | memoryview | IO[bytes]) -> None:
        if isinstance(data, bytes | memoryview):
            if self.unsynced is not None:
                put_file(self._file(path), data)
                return
            size = len(data)
        else:
            # It may be the second try.
            size = data.seek(0, os.SEEK_END)
            data.seek(0)
        part = max(PART_BYTES, size // MOST_PARTS)
        try:
            obstore.put(self.raw, path, data, use_multipart=size > ONE_PUT_BYTES, chunk_size=part)
        except FileNotFoundError as error:
            if "NoSuchUpload" in str(error):
                raise GenericError("the upload was ended while it ran") from error
            raise

    def _create(self, path: str, data: bytes) -> bool:
        """One try of `create`."""
        try:
            obstore.put(self.raw, path, data, mode="create")
        except AlreadyExistsError as error:
            if self._head(path) is None:
                # S3 refuses a create that meets another request for the same object, and asks to try again.
                raise GenericError("the write met another one or a removal") from error
            return False
        return True

    def _delete(self, path: str) -> None:
        with suppress(FileNotFoundError):
            obstore.delete(self.raw, path)

    def _head(self, path: str) -> Any:
        """What storage knows of an object; None where there is none."""
        self._refuse_special(path)
        try:
            with _naming(self.name(path)):
                return self._again(lambda: obstore.head(self.raw, path))
        except FileNotFoundError:
            return None

    def _entries(self, prefix: str) -> Iterator[Any]:
        """A listing, page by page; if it breaks off, it continues after the last complete page."""
        pages: Iterator[Any] | None = None
        after = resumed = ""

        def following() -> Any:
            nonlocal pages, resumed
            try:
                if pages is None:
                    resumed = after
                    pages = iter(obstore.list(self.raw, prefix or None, offset=after or None, chunk_size=1000))
                return next(pages, None)
            except GenericError:
                pages = None
                raise

        with _naming(self.name(prefix)):
            while page := self._again(following):
                after = max(after, page[-1]["path"])
                # Some servers ignore the place from which a listing is to continue, and list all from the start.
                yield from (entry for entry in page if entry["path"] > resumed)

    def _again(self, request: Callable[[], T]) -> T:
        """The result of a request. Object storage is asked again if it fails for a moment; a disk does not."""
        return request() if isinstance(self.raw, LocalStore) else again(request)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Name the root in the error of a write: only the root can be missing, since folders below it are made."""
        try:
            yield
        except FileNotFoundError as error:
            raise StoreError(f"{self.uri}: cannot be written to: no such bucket or directory") from error


@contextmanager
def _naming(name: str) -> Iterator[None]:
    """Turn storage errors into StoreError with the object's name; missing and existing objects stay themselves."""
    try:
        yield
    except FileNotFoundError as error:
        if NO_BUCKET.search(str(error)):
            raise UsageError(f"{name}: {refusal(error)}") from error
        raise FileNotFoundError(name) from error
    except AlreadyExistsError as error:
        raise FileExistsError(name) from error
    except OSError as error:
        raise StoreError(f"{name}: storage refused: {disk_refusal(error)}") from error
    except BaseError as error:
        if NO_BUCKET.search(str(error)):
            raise UsageError(f"{name}: {refusal(error)}") from error
        raise StoreError(f"{name}: storage refused: {refusal(error)}") from error


def _open_waiting_for_nobody(path: str, flags: int) -> int:
    """Opens a file; a pipe too, without waiting until somebody writes to it."""
    return os.open(path, flags | os.O_NONBLOCK)


def _read_there(file: FileIO, start: int, length: int) -> bytes:
    """The next bytes of a file; none if it is shorter, which is checked first since a read takes its memory first."""
    return file.read(length) if start + length <= os.fstat(file.fileno()).st_size else b""


def _reason(error: Exception) -> str:
    return masked(first_line(error, error.strerror if isinstance(error, OSError) else None))
