"""Standard output and error whose errors never end a command: closed, broken, or in any encoding."""

from __future__ import annotations

import os
import re
import sys
from datetime import datetime
from io import BufferedWriter, FileIO, TextIOWrapper
from typing import TextIO

LINE_START = re.compile(r"^(?=.)", re.MULTILINE)
"""Matches the start of each line that is not empty."""


class Outlet(FileIO):
    """A standard stream that survives errors. After a failed write all further text is discarded, and the job goes on.

    Attributes:
        refused: the error of a failed write; None without one. A reader that has gone (a broken pipe) is no error.
    """

    refused: OSError | None = None

    def write(self, data: object) -> int:
        """Write, or after an error begin to discard."""
        try:
            return super().write(data)  # type: ignore[arg-type]
        except OSError as error:
            if not isinstance(error, BrokenPipeError):
                self.refused = error
            _discard(self.fileno())
            return len(memoryview(data))  # type: ignore[arg-type]


class DatedLines(TextIOWrapper):
    """A log. Each line starts with the local date and time, in ISO 8601 to the second with the offset from UTC."""

    _fresh = True

    def write(self, text: str) -> int:
        """Write, with the date before each new line."""
        stamp = datetime.now().astimezone().isoformat(timespec="seconds")
        rest_of_line = "" if self._fresh else text[: text.find("\n") + 1] or text
        super().write(rest_of_line + LINE_START.sub(f"{stamp} ", text[len(rest_of_line) :]))
        if text:
            self._fresh = text.endswith("\n")
        return len(text)


def guard_streams() -> None:
    """Replace standard output and error by streams that survive their readers and take any text; open standard input.

    A stream that is closed from the start becomes the null device. Otherwise a file of the job could get its
    descriptor, and a library's print would be written into that file.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            _discard(number)
    sys.stdin = sys.stdin or os.fdopen(0, closefd=False)
    sys.stdout = guarded(sys.stdout, 1)
    sys.stderr = guarded(sys.stderr, 2, DatedLines)


def flush_streams() -> OSError | None:
    """Flush both streams. Returns the error of standard output, if any."""
    sys.stdout.flush()
    sys.stderr.flush()
    raw = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    return raw.refused if isinstance(raw, Outlet) else None


def guarded(stream: TextIO | None, number: int, kind: type[TextIOWrapper] = TextIOWrapper) -> TextIOWrapper:
    """Make a stream that replaces this one, on this descriptor; without a stream, one to the null device.

    Characters that its encoding lacks are written as backslash escapes. If it is not a terminal, its class is ``kind``.
    """
    encoding = "utf-8" if stream is None else stream.encoding
    outlet = Outlet(number if stream is not None else os.open(os.devnull, os.O_WRONLY), "wb", closefd=False)
    return (TextIOWrapper if outlet.isatty() else kind)(
        BufferedWriter(outlet),
        encoding,
        errors="backslashreplace",
        line_buffering=number == 2 or outlet.isatty(),
    )


def _discard(number: int) -> None:
    """Point a descriptor to the null device."""
    null = os.open(os.devnull, os.O_RDWR)
    if null != number:
        os.dup2(null, number)
        os.close(null)
