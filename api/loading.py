"""Loads what a name of `encore` needs, without what a library remarks upon at its import."""

from __future__ import annotations

import logging
import warnings
from importlib import import_module
from types import ModuleType

REMARKS = ("apitools not found", "Make sure that locally built Python SDK")
"""Beam's remarks about what it does not find, which nobody asked it for."""


def load(module: str) -> ModuleType:
    """Import a module.

    Beam logs its remarks to the root logger, and Python then sets up logging for a program that has not done so; tqdm,
    which transformers brings, misses widgets in a notebook. All of it is kept from the user's output.
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
