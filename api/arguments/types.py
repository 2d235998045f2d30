"""The types of what users give: a text in place of a number is refused before anything is done."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from encore.featurestore.common import settled

P = ParamSpec("P")
R = TypeVar("R")


def typed(function: Callable[P, R]) -> Callable[P, R]:
    """Check arguments that are annotated as numbers, texts, True or False before the function runs (`settled`).

    Raises:
        UsageError: an argument has another type.
    """
    taken = inspect.signature(function).parameters.values()
    kinds = {it.name: f"{it.annotation}" for it in taken}
    placed = [it.name for it in taken if it.kind is it.POSITIONAL_OR_KEYWORD]

    @wraps(function)
    def checked(*args: P.args, **kwargs: P.kwargs) -> R:
        places: Any = [settled(it, kinds[name], name) for it, name in zip(args, placed, strict=False)]
        names: Any = {name: settled(it, kinds.get(name, ""), name) for name, it in kwargs.items()}
        rest: Any = args[len(places) :]
        return function(*places, *rest, **names)

    return checked
