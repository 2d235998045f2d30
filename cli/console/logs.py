"""Logging of the command line: warnings and errors of libraries, one line each, on standard error."""

from __future__ import annotations

import logging
import sys
from typing import TextIO

from encore.api.loading import REMARKS
from encore.cli.console.terminal import error_console, folded, printable, without_secrets


class OneLineFormatter(logging.Formatter):
    """Formats a record as one line, folded on a terminal.

    Of a traceback it shows only the error at the end. Beam puts tracebacks into messages too.
    """

    def format(self, record: logging.LogRecord) -> str:
        """The first line of the message, or the last of a traceback."""
        lines = [line for line in record.getMessage().splitlines() if line.strip()] or [""]
        said = lines[-1 if any(line.startswith("Traceback (most recent call last)") for line in lines) else 0]
        if record.exc_info and record.exc_info[1] is not None:
            # Imported late: --help needs no store.
            from encore.featurestore.common import class_and_line  # noqa: PLC0415

            said = f"{said}: {class_and_line(record.exc_info[1])}"
        line = printable(without_secrets(f"{record.levelname} {record.name}: {said}"))
        return folded(line, error_console())


class TracebackFormatter(logging.Formatter):
    """Formats a record as one line or more, with its traceback."""

    def format(self, record: logging.LogRecord) -> str:
        """All lines of the record."""
        return printable(without_secrets(super().format(record)), keep="\n")


class StandardError(logging.StreamHandler[TextIO]):
    """Writes to the standard error of the moment. A live bar replaces that stream, to print log lines above itself."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> TextIO:  # type: ignore[override]
        """Standard error."""
        return sys.stderr


def set_up_logging(*, debug: bool) -> None:
    """Send warnings to standard error, without the remarks of libraries at their import. ``debug`` adds all details.

    Python's own warnings are among them.
    """
    logging.captureWarnings(capture=True)
    handler = StandardError()
    handler.addFilter(lambda record: not record.getMessage().startswith(REMARKS))
    handler.setFormatter(TracebackFormatter("%(levelname)s %(name)s: %(message)s") if debug else OneLineFormatter())
    logging.getLogger("encore").setLevel(logging.DEBUG if debug else logging.WARNING)
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
