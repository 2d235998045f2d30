"""One bit a dimension: the sign (paper, section 5)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch.nn.functional import embedding, pad

from featurestore.quantizers.fixed import FixedQuantizer


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
        return -(-width // 8)

    def bytes_per_vector(self, width: int) -> int:
        """An eighth of the width, rounded up."""
        return self.packed_width(width)

    def quantize(self, values: torch.Tensor) -> torch.Tensor:
        """Floats (..., width) to packed bits, uint8 (..., ⌈width / 8⌉)."""
        width = values.shape[-1]
        bits = pad((values >= 0).view(torch.uint8), (0, -width % 8))
        octets = bits.view(*values.shape[:-1], self.packed_width(width), 8)
        packed = octets[..., 0] << 7
        for place in range(1, 8):
            packed |= octets[..., place] << (7 - place)
        return packed

    def dequantize(self, packed: torch.Tensor, width: int) -> torch.Tensor:
        """±1 as float32 (..., width) from packed bits (..., ⌈width / 8⌉)."""
        # A look-up of whole bytes is four times as fast as shifting bits out; int32 halves its index memory.
        octets: torch.Tensor = embedding(packed.to(torch.int32), _signs_of_bytes(packed.device))
        return octets.flatten(-2)[..., :width]

    def saturated(self, values: torch.Tensor) -> int:  # noqa: ARG002 - the protocol passes them
        """0: every number has a sign."""
        return 0


def _signs_of_bytes(device: torch.device) -> torch.Tensor:
    """(256, 8) float32: the eight signs that each byte holds, highest bit first."""
    octets = torch.arange(256, device=device).unsqueeze(-1)
    bits = octets >> torch.arange(7, -1, -1, device=device) & 1
    return bits.to(torch.float32) * 2 - 1
