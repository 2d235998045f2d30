"""`encore --version`."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

import typer

PACKAGES = ("apache-beam", "torch", "transformers")
"""Packages that most questions are about."""


def print_version(wanted: bool) -> None:
    """Print the versions of Encore, Python and what jobs run on, and exit; nothing of it is imported."""
    if wanted:
        others = "".join(f", {name} {installed}" for name in PACKAGES if (installed := _installed(name)))
        print(f"encore {_installed('encore-featurestore')} (Python {platform.python_version()}{others})")
        raise typer.Exit


def _installed(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
