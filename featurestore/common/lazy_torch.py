"""torch, imported on first use: the import takes two seconds of processor time, and most commands need no torch."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any


class _Torch(ModuleType):
    """Stands for torch until an attribute is asked for; each is looked up once."""

    def __getattr__(self, name: str) -> Any:
        value = getattr(import_module("torch"), name)
        setattr(self, name, value)
        return value


if TYPE_CHECKING:
    import torch
else:
    torch = _Torch("torch")

__all__ = ["torch"]
