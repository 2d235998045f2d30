"""Memory that scoring uses again and again."""

from __future__ import annotations

import threading

import torch


class Scratch(threading.local):
    """Memory that is used again and again, each thread its own.

    Pages that are new to a process cost more than the numbers that are written to them.
    """

    def __init__(self) -> None:
        self._buffers: dict[str, torch.Tensor] = {}

    def take(self, name: str, *shape: int) -> torch.Tensor:
        """Floats of this shape, finite and otherwise of any value, valid until the name is taken again."""
        size = torch.Size(shape).numel()
        if name not in self._buffers or self._buffers[name].numel() < size:
            self._buffers[name] = torch.zeros(size)
        return self._buffers[name][:size].view(shape)
