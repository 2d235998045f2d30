"""The text of a file as UTF-8 bytes, whatever it is compressed with and encoded in, read in bounded memory."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from contextlib import contextmanager

import pyarrow as pa

from encore.featurestore.common import first_line
from encore.featurestore.errors import DataError
from encore.tablefiles.contract import TO_THE_END
from encore.tablefiles.files import TableFile, bytes_at_once, open_input
from encore.tablefiles.text_options import UTF_8

BYTE_ORDER_MARK = b"\xef\xbb\xbf"

_INVALID = "tablefiles.invalid"


def _as_invalid_utf8(error: UnicodeError) -> tuple[str, int]:
    """Replace bytes that are not text by one byte of invalid UTF-8: validation then finds the rows they are in."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return "\udcff", error.end


codecs.register_error(_INVALID, _as_invalid_utf8)


class TextStream:
    """The decoded bytes of a file.

    Attributes:
        size: bytes there are; `TO_THE_END` where that is known only at the end.
    """

    def __init__(self, file: TableFile, raw: pa.NativeFile, at_once: int) -> None:
        self._file, self._raw, self._at = file, raw, 0
        self._packed = raw if file.codec is None else _unpacking(file, raw, at_once)
        self._decoder = None
        if file.options.encoding != UTF_8:
            self._decoder = codecs.getincrementaldecoder(file.options.encoding)(_INVALID)
        self._decoded = self._unread = b""
        self._ended = False
        self.size = TO_THE_END if file.is_stream else file.bytes

    def read(self, length: int) -> bytes:
        """The next bytes: as many as asked for, or all that are left.

        Raises:
            DataError: the compressed stream is cut short or damaged.
        """
        data, self._unread = self._unread[:length], self._unread[length:]
        if len(data) < length:
            more = length - len(data)
            data += self._unpacked(more) if self._decoder is None else self._transcoded(more)
        self._at += len(data)
        return data

    def unread(self, data: bytes) -> None:
        """Take back what was read last."""
        self._unread = data + self._unread
        self._at -= len(data)

    def seek(self, offset: int) -> None:
        """Go to an offset; in a stream, only to a later one."""
        if not self._file.is_stream:
            self._raw.seek(offset)
            self._at, self._unread = offset, b""
        while self._at < offset and self.read(min(offset - self._at, bytes_at_once(self._file))):
            pass

    def _unpacked(self, length: int) -> bytes:
        pieces: list[bytes] = []
        while length > 0:
            piece = self._piece(length)
            if not piece:
                break
            pieces.append(piece)
            length -= len(piece)
        return b"".join(pieces)

    def _piece(self, length: int) -> bytes:
        if self._file.codec is None:
            return bytes(self._packed.read(length))
        try:
            return bytes(self._packed.read(length))
        except (pa.ArrowException, OSError) as error:
            raise DataError(
                f"{self._file.uri}: cannot be unpacked as {self._file.codec} after byte {self._at:,} of its text: "
                f"{first_line(error)}; it is cut short, damaged, or no {self._file.codec} file"
            ) from error

    def _transcoded(self, length: int) -> bytes:
        assert self._decoder is not None  # noqa: S101  read asked
        pieces, found = [self._decoded], len(self._decoded)
        while found < length and not self._ended:
            packed = self._unpacked(length)
            self._ended = not packed
            piece = self._decoder.decode(packed, final=self._ended).encode(errors="surrogateescape")
            pieces.append(piece)
            found += len(piece)
        whole = b"".join(pieces)
        self._decoded = whole[length:]
        return whole[:length]


def _unpacking(file: TableFile, raw: pa.NativeFile, at_once: int) -> pa.NativeFile:
    """Read large pieces: pyarrow asks for 64 KiB at a time, and each would be a request to object storage."""
    return pa.CompressedInputStream(pa.BufferedInputStream(raw, at_once), file.codec)


@contextmanager
def open_text(file: TableFile, at_once: int = 0) -> Iterator[TextStream]:
    """The text of a file, from its beginning.

    Args:
        file: the file.
        at_once: bytes of a compressed file that are fetched at once; `bytes_at_once` unless given.

    Raises:
        DataError: the file is gone, unreadable, or has another size than when it was listed.
    """
    with open_input(file) as raw:
        yield TextStream(file, raw, at_once or bytes_at_once(file))
