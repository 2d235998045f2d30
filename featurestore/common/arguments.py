"""Python arguments in one form: a path becomes text, and a single value becomes a tuple of one."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path
from typing import Any

from encore.featurestore.errors import UsageError


def several(given: Any, what: str) -> tuple[Any, ...]:
    """The given values as a tuple; a single value becomes a tuple of one, a path its text.

    A text is one value, not a sequence of letters.

    Args:
        given: one value, or any number of them.
        what: what to call it in the message.

    Raises:
        UsageError: the value is None or bytes.
    """
    if given is None or isinstance(given, (bytes, bytearray)):
        raise UsageError(f"{what}: {given!r} is no value; give one, or a list of them")
    one = isinstance(given, (str, os.PathLike)) or not isinstance(given, Iterable)
    return tuple(as_text(value) for value in ([given] if one else given))


def as_text(given: Any) -> Any:
    """The text of a path; anything else as it is."""
    return os.fspath(given) if isinstance(given, os.PathLike) else given


def settle_fields(request: Any) -> None:
    """Convert the fields of a frozen dataclass to their annotated types: tuples (`several`), paths and texts.

    Called in ``__post_init__``, before any check.

    Raises:
        UsageError: a tuple field is given None or bytes, or a field of texts holds something else.
    """
    for field in fields(request):
        given, kind, what = getattr(request, field.name), str(field.type), field.name.replace("_", " ")
        if kind.endswith(" | None") and given is None:
            continue
        if kind.startswith("tuple[") and kind.removesuffix(" | None").endswith(", ...]"):
            given = several(given, what)
            if kind.startswith("tuple[str, ") and (strange := [it for it in given if not isinstance(it, str)]):
                raise UsageError(f"{what}: {strange[0]!r} is neither a text nor a path")
        elif kind == "Path":
            given = Path(given)
        elif kind.startswith("str"):
            given = as_text(given)
        object.__setattr__(request, field.name, given)
