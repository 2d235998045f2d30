"""Moving tensors between the host and the encoder's device without waiting for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import torch


def to_device(values: npt.NDArray[Any], device: torch.device) -> torch.Tensor:
    """Copy an array to the device. On CUDA the copy uses pinned memory, so that the host does not wait."""
    tensor = torch.from_numpy(values)
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor.to(device)


@dataclass(frozen=True, eq=False)
class HostCopy:
    """A tensor on its way to the host.

    Attributes:
        values: the tensor on the host, valid after `wait`.
        arrived: event that is recorded after the copy; None where nothing had to be copied.
    """

    values: torch.Tensor
    arrived: torch.cuda.Event | None

    @classmethod
    def start(cls, tensor: torch.Tensor) -> Self:
        """Start to copy a tensor. The copy begins after all earlier work of its stream."""
        if tensor.device.type != "cuda":
            return cls(tensor.cpu(), None)
        pinned = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
        pinned.copy_(tensor, non_blocking=True)
        with torch.cuda.device(tensor.device):
            arrived = torch.cuda.Event()  # type: ignore[no-untyped-call]
            arrived.record()
        return cls(pinned, arrived)

    def wait(self) -> npt.NDArray[np.generic]:
        """Wait for the copy. Return the numbers.

        Raises:
            torch.AcceleratorError: the device failed in earlier work.
        """
        if self.arrived is not None:
            self.arrived.synchronize()
        return self.values.numpy()
