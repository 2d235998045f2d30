"""The part shared by `int4` and `int2`: a few levels a dimension, placed where a normal distribution needs them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

from encore.featurestore.common import torch
from encore.featurestore.errors import StoreError, UsageError
from encore.featurestore.quantizers.base.histograms import Histogram
from encore.featurestore.quantizers.base.learned_quantizer import LearnedQuantizer
from encore.featurestore.quantizers.base.packing import pack, packed_width, unpack

BITS = (1, 2, 4, 8)
"""Numbers of bits whose codes fill a byte."""


@dataclass(frozen=True)
class GaussianQuantizer(LearnedQuantizer):
    """The nearest of 2**bits levels to z = (x - mean) / deviation, mean and deviation those of the dimension.

    The levels are those of the quantizer of least squared error for a standard normal variable (Max, Quantizing for
    minimum distortion, 1960; Lloyd's condition: each level is the mean of what is mapped to it). Codes count them from
    the lowest; they are packed with the first dimension in the highest bits, and zeros fill the last byte.

    A code decodes to the level itself, not mapped back by mean and deviation, just as `Sign` decodes to ±1: a head
    weighs dimensions for itself, and learns best from dimensions of equal scale.

    A dimension that never varied in the sample is taken to have the deviation 1, so that nothing is divided by 0.

    Attributes:
        mean: of each dimension over the calibration sample.
        deviation: standard deviation of each dimension, above 0.
    """

    mean: tuple[float, ...] | None = None
    deviation: tuple[float, ...] | None = None

    bits: ClassVar[int]
    upper_levels: ClassVar[tuple[float, ...]]
    """The levels above 0, ascending; those below are their mirror image."""

    def __init_subclass__(cls) -> None:
        """Raise TypeError for a number of bits whose codes do not fill bytes, or for none."""
        super().__init_subclass__()
        bits = getattr(cls, "bits", None)
        if bits not in BITS:
            raise TypeError(f"{cls.__name__}: bits {bits}: codes fill whole bytes; choose one of {BITS}")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.deviation is not None and min(self.deviation) <= 0:
            raise UsageError(f"{self.kind}: expected deviations above 0")

    @classmethod
    def levels(cls) -> tuple[float, ...]:
        """What each code decodes to, 2**bits numbers, ascending."""
        return (*(-level for level in reversed(cls.upper_levels)), *cls.upper_levels)

    def learned(self, histogram: Histogram) -> Self:
        """The quantizer with each dimension's mean and standard deviation."""
        mean, deviation = histogram.mean_and_deviation()
        deviation = torch.where(deviation > 0, deviation, 1.0)
        return replace(self, mean=tuple(mean.tolist()), deviation=tuple(deviation.tolist()))

    def packed_width(self, width: int) -> int:
        """One byte for 8 / bits dimensions."""
        return packed_width(width, self.bits)

    def bytes_per_vector(self, width: int) -> int:
        """Width · bits / 8 bytes, rounded up."""
        return packed_width(width, self.bits)

    def quantize(self, values: torch.Tensor) -> torch.Tensor:
        """Floats (..., width) to packed codes, uint8 (..., ⌈width · bits / 8⌉)."""
        mean, deviation = self._tensors(values.device)
        distance = values.to(torch.float32) - mean.float()
        upper = (distance >= 0).view(torch.uint8)
        distance.abs_()
        # The levels are symmetric: half the comparisons give the distance from the mean, and one more the side.
        codes = torch.zeros_like(upper)
        for low, high in zip(self.upper_levels, self.upper_levels[1:], strict=False):
            codes += (distance >= (deviation * ((low + high) / 2)).float()).view(torch.uint8)
        half = len(self.upper_levels)
        codes ^= (1 - upper) * (half - 1)
        return pack(codes.add_(upper * half), self.bits)

    def dequantize(self, packed: torch.Tensor, width: int, out: torch.Tensor | None = None) -> torch.Tensor:
        """Levels as float32 (..., width) from packed codes (..., ⌈width · bits / 8⌉)."""
        return unpack(packed, self.levels(), width, out)

    def to_dict(self) -> dict[str, Any]:
        """JSON: the request, what has been measured so far, and the levels, for readers without Encore."""
        return super().to_dict() | {"levels": list(self.levels())}

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Self:
        """Inverse of `to_dict`.

        Raises:
            StoreError: the document was written with other levels.
        """
        if tuple(document["levels"]) != cls.levels():
            raise StoreError(
                f"{cls.kind}: stored with other levels than this version's; read it with the version that wrote it"
            )
        return super().from_dict(document)
