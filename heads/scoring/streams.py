"""Copies to a device and back beside its work, and turns of the threads that share it; on a CPU there is neither."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from queue import SimpleQueue
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

TURNS = 2
"""Threads whose work a CUDA device has at a time: it computes for one while the other's features are copied. More would
each hold the memory of a batch."""


class DeviceStreams:
    """A device with a stream for each thread that has its turn, and one more for what comes from the host.

    Attributes:
        device: where it copies to.
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
        """Have one of the turns; what is told the device inside is done in order, and beside other threads' work."""
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
        """An array as a tensor on the device, in memory of its own.

        On CUDA it goes through pinned memory beside what the device does; what is told the device inside the turn
        from now on waits for it, the host does not.
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
        # Its memory belongs to the stream of the copies, which may not have it back before this turn is done with it.
        arrived.record_stream(computing)
        return arrived

    def download(self, values: torch.Tensor) -> npt.NDArray[Any]:
        """A tensor of the device as an array, once all that the turn has told the device is done.

        Raises:
            torch.AcceleratorError: the device failed at what came before.
        """
        if not self._on_cuda:
            return values.cpu().numpy()
        pinned = torch.empty(values.shape, dtype=values.dtype, pin_memory=True)
        pinned.copy_(values, non_blocking=True)
        torch.cuda.current_stream(self.device).record_event().synchronize()
        return pinned.numpy()

    def settle(self) -> None:
        """Wait until the device has done all that it was told, by whatever stream: others may use it from now on."""
        if self._on_cuda:
            torch.cuda.synchronize(self.device)
