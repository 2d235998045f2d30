"""One bit a dimension: which side of the dimension's median."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Self

from encore.featurestore.common import torch
from encore.featurestore.quantizers.base import Histogram, LearnedQuantizer, pack_at_least, packed_width, unpack


@dataclass(frozen=True)
class SignCentred(LearnedQuantizer):
    """x ≥ median → 1, else 0; packed and decoded as `Sign` does.

    Under `Sign`, a dimension that is seldom near zero has the same bit for nearly every token. At the median both
    halves are equally large. The median is interpolated inside its bin of the histogram, because exact medians of parts
    do not merge into that of the whole.

    Attributes:
        median: of each dimension over the calibration sample.
    """

    median: tuple[float, ...] | None = None

    kind: ClassVar[str] = "sign-centred"
    dtype: ClassVar[str] = "uint8"
    default_codec: ClassVar[str] = "none"

    def learned(self, histogram: Histogram) -> Self:
        """The quantizer with each dimension's median."""
        return replace(self, median=tuple(histogram.median().tolist()))

    def packed_width(self, width: int) -> int:
        """One byte for eight dimensions."""
        return packed_width(width, 1)

    def bytes_per_vector(self, width: int) -> int:
        """An eighth of the width, rounded up."""
        return packed_width(width, 1)

    def quantize(self, values: torch.Tensor) -> torch.Tensor:
        """Floats (..., width) to packed bits, uint8 (..., ⌈width / 8⌉)."""
        [median] = self._tensors(values.device)
        return pack_at_least(values.to(torch.float32), median.float())

    def dequantize(self, packed: torch.Tensor, width: int, out: torch.Tensor | None = None) -> torch.Tensor:
        """±1 as float32 (..., width) from packed bits (..., ⌈width / 8⌉)."""
        return unpack(packed, (-1.0, 1.0), width, out)
