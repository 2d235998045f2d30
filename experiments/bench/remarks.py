"""What a long experiment says while it runs."""

from __future__ import annotations

from collections.abc import Callable

Say = Callable[[str], None]
"""Told what is about to be done, and what has been found."""
