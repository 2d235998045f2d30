"""One bit a dimension: the sign (paper, section 5)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from encore.featurestore.common import torch
from encore.featurestore.quantizers.base import FixedQuantizer, pack_at_least, packed_width, unpack


@dataclass(frozen=True)
class Sign(FixedQuantizer):
    """x ≥ 0 → 1, else 0; eight dimensions a byte, the first in the highest bit; decoded as +1 and -1.

    -0.0 counts as ≥ 0. A width that is no multiple of 8 is padded with zero bits, which decoding drops. The
    bytes are those of `numpy.packbits`, and of numcodecs' PackBits after its one leading byte.
    """

    kind: ClassVar[str] = "sign"
    dtype: ClassVar[str] = "uint8"
    default_codec: ClassVar[str] = "none"

    def packed_width(self, width: int) -> int:
        """One byte for eight dimensions."""
        return packed_width(width, 1)

    def bytes_per_vector(self, width: int) -> int:
        """An eighth of the width, rounded up."""
        return packed_width(width, 1)

    def quantize(self, values: torch.Tensor) -> torch.Tensor:
        """Floats (..., width) to packed bits, uint8 (..., ⌈width / 8⌉)."""
        return pack_at_least(values, 0.0)

    def dequantize(self, packed: torch.Tensor, width: int, out: torch.Tensor | None = None) -> torch.Tensor:
        """±1 as float32 (..., width) from packed bits (..., ⌈width / 8⌉)."""
        return unpack(packed, (-1.0, 1.0), width, out)

    def saturated(self, values: torch.Tensor) -> torch.Tensor:
        """0: every number has a sign."""
        return torch.zeros((), dtype=torch.int64, device=values.device)
