"""Python arguments in one form: a path becomes text, a single value a tuple of one, and another type is refused."""

from __future__ import annotations

import os
import reprlib
from collections.abc import Iterable
from dataclasses import fields
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from encore.featurestore.errors import UsageError

IN_WORDS = {
    "int": ["a whole number"],
    "float": ["a number"],
    "bool": ["True", "False"],
    "str": ["a text"],
    "None": ["None"],
}
"""Annotation → what the message about another type expects."""


def several(given: Any, what: str, kind: str = "") -> tuple[Any, ...]:
    """The given values as a tuple; a single value becomes a tuple of one, a path its text.

    A text is one value, not a sequence of letters.

    Args:
        given: one value, or any number of them.
        what: what to call it in the message.
        kind: the annotated type of each value, for `settled`. Without one, only paths become text.

    Raises:
        UsageError: the value is None or bytes, or one has another type.
    """
    if given is None or isinstance(given, (bytes, bytearray)):
        raise UsageError(f"{what} {given!r}: expected a value, or a list of values")
    one = isinstance(given, (str, os.PathLike)) or not isinstance(given, Iterable)
    return tuple(settled(as_text(value), kind, what) for value in ([given] if one else given))


def as_text(given: Any) -> Any:
    """The text of a path; anything else as it is."""
    return os.fspath(given) if isinstance(given, os.PathLike) else given


def settled(given: Any, kind: str, what: str) -> Any:
    """A value that has the annotated type: a path becomes its text, and a number of numpy one of Python.

    Args:
        given: the value.
        kind: the annotation, such as ``int | None``. It is checked if one of its types is ``int``, ``float``, ``bool``
            or ``str``, and none has parameters.
        what: what to call it in the message.

    Raises:
        UsageError: the value has another type.
    """
    kinds = kind.split(" | ")
    if "[" in kind or IN_WORDS.keys().isdisjoint(set(kinds) - {"None"}):
        return given
    value = given.item() if isinstance(given, np.generic) else given
    value = as_text(value) if "str" in kinds else value
    names = {it.__name__ for it in type(value).__mro__}
    if isinstance(value, bool):
        names -= {"int"}
    elif isinstance(value, int):
        names |= {"float"}
    if (value is None and "None" in kinds) or not names.isdisjoint(kinds):
        return value
    *others, last = chain.from_iterable(IN_WORDS.get(it, [f"a {it}"]) for it in kinds)
    expected = f"{', '.join(others)} or {last}" if others else last
    raise UsageError(f"{what} {' '.join(reprlib.repr(given).split())}: expected {expected}")


def settle_fields(request: Any) -> None:
    """Convert the fields of a frozen dataclass to their annotated types: tuples (`several`), paths, texts and numbers.

    Called in ``__post_init__``, before any check.

    Raises:
        UsageError: a tuple field is given None or bytes, or a value has another type than its field.
    """
    for field in fields(request):
        given, kind, what = getattr(request, field.name), str(field.type), field.name.replace("_", " ")
        one = kind.removesuffix(" | None")
        if one != kind and given is None:
            continue
        if one.startswith("tuple[") and one.endswith(", ...]"):
            each = one.removeprefix("tuple[").removesuffix(", ...]")
            given = several(given, what, each)
        elif kind == "Path":
            given = Path(given)
        else:
            given = settled(given, kind, what)
        object.__setattr__(request, field.name, given)
