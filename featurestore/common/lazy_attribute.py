"""Attributes that are read once, when they are first asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

Value = TypeVar("Value")


class lazy(Generic[Value]):  # noqa: N801 (a decorator, as functools.cached_property)
    """`functools.cached_property` without a lock.

    Python 3.11's holds one lock for all instances of a class, so that threads which read the records of different
    segments would wait for each other. Here two threads that ask one instance at once may both compute.
    """

    def __init__(self, compute: Callable[[Any], Value]) -> None:
        """Wrap the method that computes the value."""
        self._compute = compute
        self.__doc__ = compute.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        """Remember the attribute's name: the value goes to the instance under it, and is found before this."""
        self._name = name

    def __get__(self, instance: Any, owner: type | None = None) -> Value:
        """Compute the value and keep it."""
        value: Value = self._compute(instance)
        instance.__dict__[self._name] = value
        return value
