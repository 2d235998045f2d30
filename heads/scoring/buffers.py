"""Memory that scoring uses again and again."""

from __future__ import annotations

import threading

import torch


class Scratch(threading.local):
    """Memory that scoring uses again and again. Each thread has its own.

    New memory pages cost a process more time than the numbers that it writes to them.
    """

    def __init__(self) -> None:
        self._buffers: dict[str, torch.Tensor] = {}

    def take(self, name: str, *shape: int) -> torch.Tensor:
        """Floats of this shape, with any finite values. They are valid until the next call with the same name."""
        size = torch.Size(shape).numel()
        if name not in self._buffers or self._buffers[name].numel() < size:
            self._buffers[name] = torch.zeros(size)
        return self._buffers[name][:size].view(shape)
