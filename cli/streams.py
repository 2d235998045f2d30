"""Standard output and error that never end a command: closed, broken or in any encoding."""

from __future__ import annotations

import os
import sys
from io import BufferedWriter, FileIO, TextIOWrapper
from typing import TextIO


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


def guard_streams() -> None:
    """Let standard output and error outlive their readers and take any text.

    A stream that is closed from the start is taken for the null device, so that no file of the work gets its number,
    where a library's print would land.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            _discard(number)
    for name, number in (("stdout", 1), ("stderr", 2)):
        setattr(sys, name, guarded(getattr(sys, name), number))


def flush_streams() -> OSError | None:
    """Write what is left; what standard output was refused, if anything."""
    sys.stdout.flush()
    sys.stderr.flush()
    raw = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    return raw.refused if isinstance(raw, Outlet) else None


def guarded(stream: TextIO | None, number: int) -> TextIOWrapper:
    """A stream in place of this one, of this descriptor; where there is none, one to the null device.

    What its encoding lacks is written as its number.
    """
    encoding = "utf-8" if stream is None else stream.encoding
    outlet = Outlet(number if stream is not None else os.open(os.devnull, os.O_WRONLY), "wb", closefd=False)
    return TextIOWrapper(
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
