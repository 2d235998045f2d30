"""Table files and how they are opened: on a local disk or in object storage."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import obstore
import pyarrow as pa
from obstore.exceptions import BaseError

from encore.featurestore.common import first_line
from encore.featurestore.errors import DataError
from encore.featurestore.storage import Address, Objects
from encore.tablefiles.text_options import PLAIN_TEXT, UTF_8, TextOptions

COMPRESSIONS = {".gz": "gzip", ".zst": "zstd", ".bz2": "bz2", ".lz4": "lz4"}
"""Ending → codec, as pyarrow names it; members and frames that follow one another are one stream."""
ARCHIVES = (".zip", ".xz", ".7z", ".tar", ".tgz", ".rar", ".z", ".br", ".snappy", ".lzma")
"""Endings of archives and compressions that are not supported."""
READ_BYTES = 1 << 20
"""Bytes of a local file held and parsed at once: small beside a model, and no slower than more."""

OBJECT_READ_BYTES = 8 << 20
"""The same in object storage, where every read is a request of some tens of milliseconds."""


@dataclass(frozen=True)
class TableFile:
    """One file of a table.

    Attributes:
        uri: absolute local path, or URL of an object.
        format: ``parquet``, ``arrow``, ``jsonl`` or ``csv``.
        bytes: size when it was listed.
        partitions: columns in the names of its folders: (name, value); see `encore.tablefiles.partitions`.
        options: what the user says about its text.
        seen: what a scan found in the whole file that the reading of each part has to know (`KeyBlock.seen`).
    """

    uri: str
    format: str
    bytes: int
    partitions: tuple[tuple[str, str | None], ...] = ()
    options: TextOptions = PLAIN_TEXT
    seen: frozenset[str] = frozenset()

    @property
    def codec(self) -> str | None:
        """What its bytes are compressed with, by its ending."""
        return codec_of_name(self.uri)

    @property
    def plain_name(self) -> str:
        """Its name without the ending of its compression, lowered."""
        return plain_name(self.uri)

    @property
    def is_stream(self) -> bool:
        """Whether its text comes only from its beginning on: it is compressed, or in another encoding than UTF-8."""
        return self.codec is not None or self.options.encoding != UTF_8


def is_url(text: str) -> bool:
    """Whether an input names object storage and not a local path."""
    return bool(Address.parse(text).scheme)


def bytes_at_once(file: TableFile) -> int:
    """How much of a file to read at once."""
    return OBJECT_READ_BYTES if is_url(file.uri) else READ_BYTES


def open_input(file: TableFile) -> pa.NativeFile:
    """A seekable stream over a corpus file, for pyarrow and for plain reads.

    Raises:
        DataError: the file is gone, unreadable, or has another size than when it was listed.
    """
    try:
        if is_url(file.uri):
            folder, _, name = file.uri.rpartition("/")
            raw = Objects.open(folder).raw
            found = obstore.head(raw, name)["size"]
            stream = pa.PythonFile(_ObjectReader(raw, name, file.bytes), mode="r")
        else:
            found = Path(file.uri).stat().st_size
            stream = pa.OSFile(file.uri)
    except (BaseError, OSError) as error:
        raise DataError(f"{file.uri}: cannot be read: {first_line(error)}") from error
    if found != file.bytes:
        raise DataError(
            f"{file.uri}: had {file.bytes:,} bytes when it was listed and has {found:,} now; run the command again"
        )
    return stream


def version_of(file: TableFile) -> str:
    """A text that changes when another file takes the place of one with the same name and size."""
    if is_url(file.uri):
        folder, _, name = file.uri.rpartition("/")
        found = obstore.head(Objects.open(folder).raw, name)
        return f"{found['e_tag']} {found['last_modified']}"
    status = Path(file.uri).stat()
    return f"{status.st_mtime_ns} {status.st_ino}"


class _ObjectReader(io.RawIOBase):
    """An object as a file; every read is one range request, so callers read in large pieces."""

    def __init__(self, store: Any, name: str, size: int) -> None:
        super().__init__()
        self._store, self._name, self._size, self._at = store, name, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        origin = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(0, origin + offset)
        return self._at

    def readinto(self, buffer: Any) -> int:
        length = min(len(buffer), self._size - self._at)
        if length <= 0:
            return 0
        data = obstore.get_range(self._store, self._name, start=self._at, length=length)
        buffer[:length] = memoryview(data)
        self._at += length
        return length


def codec_of_name(name: str) -> str | None:
    """Codec that a file is compressed with, by the ending of its name; None for a plain one."""
    lowered = name.lower()
    return next((codec for ending, codec in COMPRESSIONS.items() if lowered.endswith(ending)), None)


def plain_name(name: str) -> str:
    """A name without the ending of its compression, lowered."""
    lowered = name.lower()
    return lowered.rpartition(".")[0] if codec_of_name(lowered) else lowered
