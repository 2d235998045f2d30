"""One bit a number: whether it reaches a threshold."""

from __future__ import annotations

import numpy as np

from encore.featurestore.common import torch
from encore.featurestore.quantizers.base.packing import pack


def pack_at_least(values: torch.Tensor, threshold: torch.Tensor | float) -> torch.Tensor:
    """Bits of ``values >= threshold``, the first of eight in the highest place, zeros to fill the last byte.

    Args:
        values: floats (..., width).
        threshold: one for all, or (width,) in the dtype of ``values``.

    Returns:
        uint8 (..., ⌈width / 8⌉), on the device of ``values``. NaN gives 0.
    """
    in_numpy = (torch.float16, torch.float32, torch.float64)
    if values.device.type == "cpu" and values.dtype in in_numpy:
        # NumPy compares and packs with vector instructions: ten times as fast as torch and shifts.
        limit = threshold.numpy() if isinstance(threshold, torch.Tensor) else threshold
        return torch.from_numpy(np.packbits(values.detach().numpy() >= limit, axis=-1))
    return pack((values >= threshold).view(torch.uint8), 1)
