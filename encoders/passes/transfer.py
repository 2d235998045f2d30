"""Moving tensors between the host and the encoder's device without waiting for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import torch


def to_device(values: npt.NDArray[Any], device: torch.device) -> torch.Tensor:
    """An array as a tensor on the device; on CUDA through pinned memory, so that the host goes on at once."""
    tensor = torch.from_numpy(values)
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor.to(device)


@dataclass(frozen=True, eq=False)
class HostCopy:
    """A tensor on its way to the host.

    Attributes:
        values: where it arrives.
        arrived: recorded behind the copy on its stream; None where there was nothing to copy.
    """

    values: torch.Tensor
    arrived: torch.cuda.Event | None

    @classmethod
    def start(cls, tensor: torch.Tensor) -> Self:
        """Begin to copy a tensor, once all that its stream has been told before is done."""
        if tensor.device.type != "cuda":
            return cls(tensor.cpu(), None)
        pinned = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
        pinned.copy_(tensor, non_blocking=True)
        with torch.cuda.device(tensor.device):
            arrived = torch.cuda.Event()  # type: ignore[no-untyped-call]
            arrived.record()
        return cls(pinned, arrived)

    def wait(self) -> npt.NDArray[np.generic]:
        """The numbers, once they are there.

        Raises:
            torch.AcceleratorError: the device failed at what came before.
        """
        if self.arrived is not None:
            self.arrived.synchronize()
        return self.values.numpy()
