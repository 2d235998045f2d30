"""Half precision: 2 bytes a dimension, the paper's baseline (table 2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from encore.featurestore.common import torch
from encore.featurestore.quantizers.base import FixedQuantizer

LARGEST = float(np.finfo(np.float16).max)
"""65504: the largest finite half-precision number."""


@dataclass(frozen=True)
class Float16(FixedQuantizer):
    """IEEE half precision; values beyond ±65504 saturate there instead of becoming inf. NaN stays NaN."""

    kind: ClassVar[str] = "float16"
    dtype: ClassVar[str] = "float16"
    default_codec: ClassVar[str] = "blosc"

    def packed_width(self, width: int) -> int:
        """One half a dimension."""
        return width

    def bytes_per_vector(self, width: int) -> int:
        """2 · width bytes."""
        return 2 * width

    def quantize(self, values: torch.Tensor) -> torch.Tensor:
        """Floats (..., width) to float16 (..., width)."""
        # Clamped in float32: bfloat16 has no 65504 and would round the bound up to 65536, which is inf in half.
        return values.to(torch.float32).clamp(-LARGEST, LARGEST).to(torch.float16)

    def dequantize(self, packed: torch.Tensor, width: int, out: torch.Tensor | None = None) -> torch.Tensor:
        """Float32 (..., width) from float16 (..., width)."""
        return packed[..., :width].to(torch.float32) if out is None else out.copy_(packed[..., :width])

    def saturated(self, values: torch.Tensor) -> torch.Tensor:
        """How many values lie beyond ±65504."""
        return (values.to(torch.float32).abs() > LARGEST).sum()
