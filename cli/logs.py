"""Logging of the command line: warnings and errors of libraries, one line each, on standard error."""

from __future__ import annotations

import logging

IMPORT_REMARKS = ("apitools not found", "Make sure that locally built Python SDK")
"""Remarks of Beam's about what an import did not find, which say nothing to somebody who did not ask for it."""


def set_up_logging(*, debug: bool) -> None:
    """Send warnings to standard error, but for remarks that concern nobody here; ``debug`` adds our own details."""
    handler = logging.StreamHandler()
    handler.addFilter(lambda record: not record.getMessage().startswith(IMPORT_REMARKS))
    logging.getLogger("encore").setLevel(logging.DEBUG if debug else logging.WARNING)
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s", handlers=[handler])
