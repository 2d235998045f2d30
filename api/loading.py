"""Imports the module behind a name of `encore`, without the log messages of libraries at their import."""

from __future__ import annotations

import logging
import warnings
from importlib import import_module
from types import ModuleType

REMARKS = ("apitools not found", "Make sure that locally built Python SDK")
"""Starts of Beam's remarks about optional packages that it did not find. They do not concern the user."""


def load(module: str) -> ModuleType:
    """Import a module.

    Beam logs remarks to the root logger. If a program has not set up logging, Python sets it up at that moment. tqdm,
    which transformers imports, warns in a notebook without widgets. None of this appears in the user's output.
    """
    root, nothing = logging.getLogger(), logging.NullHandler()
    root.addHandler(nothing)
    root.addFilter(_is_none_of_them)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="IProgress not found")
            return import_module(module)
    finally:
        root.removeFilter(_is_none_of_them)
        root.removeHandler(nothing)


def _is_none_of_them(record: logging.LogRecord) -> bool:
    return not record.getMessage().startswith(REMARKS)
