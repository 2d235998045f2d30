from __future__ import annotations

import logging

import pytest

from encore.cli.console.logs import OneLineFormatter


def record(message: str, exc_info: object = None) -> logging.LogRecord:
    return logging.LogRecord("apache_beam", logging.ERROR, "x.py", 1, message, None, exc_info)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("message", "line"),
    [
        ("plain", "plain"),
        ("first\nsecond", "first"),
        ("Error\nTraceback (most recent call last):\n  File x\nOSError: disk full\n\n", "OSError: disk full"),
        ("", ""),
    ],
)
def test_a_record_is_one_line(message: str, line: str) -> None:
    assert OneLineFormatter().format(record(message)) == f"ERROR apache_beam: {line}"


def test_an_exception_is_named_without_its_traceback() -> None:
    error = OSError("disk full\nand more")
    found = OneLineFormatter().format(record("it failed", (OSError, error, None)))
    assert found == "ERROR apache_beam: it failed: OSError: disk full"
