"""The version of the store's format: what it holds is described, and promised, in docs/reference/store-format.md."""

from __future__ import annotations

from encore.featurestore.errors import UPGRADE, NewerFormat

FORMAT_VERSION = 1


def require_version(found: object, name: str) -> None:
    """Raise NewerFormat unless an object of this name, which says that it is of version ``found``, can be read."""
    if found != FORMAT_VERSION:
        raise NewerFormat(f"{name}: format version {found}; this release reads version {FORMAT_VERSION}: {UPGRADE}")
