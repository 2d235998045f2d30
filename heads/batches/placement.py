"""Where heads compute, and in which type of numbers."""

from __future__ import annotations

from dataclasses import dataclass

import torch

CPU = torch.device("cpu")


@dataclass(frozen=True)
class Placement:
    """A device, and the type of the factors of its products. Sums, parameters and gradients are always float32.

    Attributes:
        device: where batches and parameters are.
        dtype: float32 or bfloat16.
    """

    device: torch.device = CPU
    dtype: torch.dtype = torch.float32

    @property
    def accelerated(self) -> bool:
        """Whether it is another device than the CPU."""
        return self.device.type != "cpu"
