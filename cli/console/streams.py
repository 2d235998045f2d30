"""Standard output and error that never end a command: closed, broken or in any encoding."""

from __future__ import annotations

import os
import re
import sys
from datetime import datetime
from io import BufferedWriter, FileIO, TextIOWrapper
from typing import TextIO

LINE_START = re.compile(r"^(?=.)", re.MULTILINE)
"""Where a line that is not empty begins."""


class Outlet(FileIO):
    """A standard stream whose reader may go: what is written from then on goes nowhere, and the work to its end.

    Attributes:
        refused: what the system said of a write that failed, but for a reader's going, which is no failure.
    """

    refused: OSError | None = None

    def write(self, data: object) -> int:
        """Write, or begin to discard."""
        try:
            return super().write(data)  # type: ignore[arg-type]
        except OSError as error:
            if not isinstance(error, BrokenPipeError):
                self.refused = error
            _discard(self.fileno())
            return len(memoryview(data))  # type: ignore[arg-type]


class DatedLines(TextIOWrapper):
    """A log: each line behind the local date and time, ISO 8601 to the second with its offset from UTC."""

    _fresh = True

    def write(self, text: str) -> int:
        """Write, each line that begins with its date."""
        stamp = datetime.now().astimezone().isoformat(timespec="seconds")
        rest_of_line = "" if self._fresh else text[: text.find("\n") + 1] or text
        super().write(rest_of_line + LINE_START.sub(f"{stamp} ", text[len(rest_of_line) :]))
        if text:
            self._fresh = text.endswith("\n")
        return len(text)


def guard_streams() -> None:
    """Let standard output and error outlive their readers and take any text, and standard input be there.

    A stream that is closed from the start is taken for the null device, so that no file of the work gets its number,
    where a library's print would land.
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
    """Write what is left; what standard output was refused, if anything."""
    sys.stdout.flush()
    sys.stderr.flush()
    raw = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    return raw.refused if isinstance(raw, Outlet) else None


def guarded(stream: TextIO | None, number: int, kind: type[TextIOWrapper] = TextIOWrapper) -> TextIOWrapper:
    """A stream in place of this one, of this descriptor; where there is none, one to the null device.

    What its encoding lacks is written as its number. Where it is no terminal, it is of this kind.
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
    """Let a descriptor lead to the null device."""
    null = os.open(os.devnull, os.O_RDWR)
    if null != number:
        os.dup2(null, number)
        os.close(null)
