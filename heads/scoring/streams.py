"""CUDA streams: copies that overlap with the device's work, and turns of threads. A CPU needs neither."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from queue import SimpleQueue
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

TURNS = 2
"""Threads that use a CUDA device at a time. It computes for one while the other copies its features. Each further
thread would hold the memory of another batch."""


class DeviceStreams:
    """A device with one stream for each of `TURNS` threads, and one more for copies from the host.

    Attributes:
        device: the device.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._on_cuda = device.type == "cuda"
        self._turns: SimpleQueue[torch.cuda.Stream] = SimpleQueue()
        if self._on_cuda:
            for _ in range(TURNS):
                self._turns.put(torch.cuda.Stream(device))  # type: ignore[no-untyped-call]
            self._copies = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for a free stream and use it inside. Its work runs in order, and beside the work of other threads."""
        if not self._on_cuda:
            yield
            return
        stream = self._turns.get()
        try:
            with torch.cuda.device(self.device), torch.cuda.stream(stream):
                yield
        finally:
            self._turns.put(stream)

    def upload(self, values: npt.NDArray[Any]) -> torch.Tensor:
        """Copy an array to a new tensor on the device.

        On CUDA the copy goes through pinned memory while the device computes. Later work of this turn waits for the
        copy. The host does not.
        """
        dtype = torch.from_numpy(np.empty(0, values.dtype)).dtype
        staged = torch.empty(values.shape, dtype=dtype, pin_memory=self._on_cuda)
        np.copyto(staged.numpy(), values)
        if not self._on_cuda:
            return staged.to(self.device)
        computing = torch.cuda.current_stream(self.device)
        with torch.cuda.stream(self._copies):
            arrived = staged.to(self.device, non_blocking=True)
        computing.wait_stream(self._copies)
        # The copy stream owns this memory. It must not reuse it before the work of this turn is done.
        arrived.record_stream(computing)
        return arrived

    def download(self, values: torch.Tensor) -> npt.NDArray[Any]:
        """Wait until the work of this turn is done, and copy a tensor to the host.

        Raises:
            torch.AcceleratorError: the device failed in earlier work.
        """
        if not self._on_cuda:
            return values.cpu().numpy()
        pinned = torch.empty(values.shape, dtype=values.dtype, pin_memory=True)
        pinned.copy_(values, non_blocking=True)
        torch.cuda.current_stream(self.device).record_event().synchronize()
        return pinned.numpy()

    def settle(self) -> None:
        """Wait until the device has finished the work of all streams. After that any stream may use the results."""
        if self._on_cuda:
            torch.cuda.synchronize(self.device)
