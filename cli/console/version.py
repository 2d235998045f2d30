"""`encore --version`."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

import typer

PACKAGES = ("apache-beam", "torch", "transformers")
"""Packages whose versions are printed, since most questions are about them."""


def print_version(wanted: bool) -> None:
    """Print the versions of Encore, Python and `PACKAGES`, and exit. The packages are not imported."""
    if wanted:
        others = "".join(f", {name} {installed}" for name in PACKAGES if (installed := _installed(name)))
        print(f"encore {_installed('encore-featurestore')} (Python {platform.python_version()}{others})")
        raise typer.Exit


def _installed(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
