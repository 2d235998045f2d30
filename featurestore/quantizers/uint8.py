"""Eight bits a dimension: an affine map with a learned scale and zero point (paper, section 5)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np

from encore.featurestore.common import torch
from encore.featurestore.errors import UsageError
from encore.featurestore.quantizers.base import Calibration, Histogram, Range

LEVELS = 256
GRANULARITIES = ("per-tensor", "per-dimension")
METHODS = ("min-max", "histogram")
"""The first of each is the default."""

SMALLEST_SCALE = float(np.finfo(np.float32).eps)
"""The floor of PyTorch's observers; without it a dimension that is always zero has scale 0, and 0 / 0 is NaN."""

LARGEST = float(np.finfo(np.float32).max) / 2
"""The largest bound of a range. Beyond it, the width of a range or a decoded number could overflow float32."""


@dataclass(frozen=True)
class UInt8:
    """real ≈ scale · (q - zero_point), q in 0…255, scale and zero point as PyTorch's observers learn them.

    Values out of range saturate; zero is represented exactly.

    Attributes:
        granularity: ``per-tensor``, or ``per-dimension`` (shared by stacked layers).
        method: ``min-max``, or ``histogram`` (the range that minimises the squared error).
        bounds: minima and maxima between the two passes of ``histogram``.
        scale: float32 values, one, or one for each dimension; None before calibration.
        zero_point: the same, integers in 0…255.

    Raises:
        UsageError: unknown granularity or method, or parameters that no calibration gives.
    """

    granularity: str = GRANULARITIES[0]
    method: str = METHODS[0]
    bounds: tuple[tuple[float, ...], tuple[float, ...]] | None = None
    scale: tuple[float, ...] | None = None
    zero_point: tuple[int, ...] | None = None

    kind: ClassVar[str] = "uint8"
    dtype: ClassVar[str] = "uint8"
    default_codec: ClassVar[str] = "zstd"

    def __post_init__(self) -> None:
        if self.granularity not in GRANULARITIES or self.method not in METHODS:
            raise _unknown((self.granularity, self.method))
        if (self.scale is None) != (self.zero_point is None):
            raise UsageError("uint8: give scale and zero point together, or neither")
        if self.scale is not None and self.zero_point is not None:
            _check_parameters(self.granularity, self.scale, self.zero_point)

    @classmethod
    def parse(cls, words: tuple[str, ...]) -> Self:
        """Read ``[per-tensor|per-dimension][min-max|histogram]``; either may be left out."""
        granularities = [word for word in words if word in GRANULARITIES]
        methods = [word for word in words if word in METHODS]
        if len(granularities) > 1 or len(methods) > 1 or len(granularities) + len(methods) < len(words):
            raise _unknown(words)
        return cls(*granularities or GRANULARITIES[:1], *methods or METHODS[:1])

    @property
    def request(self) -> str:
        """Canonical request text, fully spelled."""
        return f"{self.kind}:{self.granularity}:{self.method}"

    @property
    def calibrated(self) -> bool:
        """Whether scale and zero point are known."""
        return self.scale is not None

    def calibration_pass(self) -> Calibration | None:
        """One pass for the range; for ``histogram``, a second one over that range."""
        if self.calibrated:
            return None
        if self.bounds is None:
            return Range(per_dimension=self.granularity == "per-dimension")
        minimum, maximum = (torch.tensor(bound, dtype=torch.float64) for bound in self.bounds)
        return Histogram(minimum, maximum)

    def with_calibration(self, statistics: Calibration) -> Self:
        """The quantizer after a finished pass.

        Raises:
            DataError: the pass saw no finite vector.
        """
        if isinstance(statistics, Histogram):
            return self._learned(*statistics.best_range(LEVELS))
        if not isinstance(statistics, Range):
            raise TypeError(f"{self.request}: expected the statistics of calibration_pass(), got {statistics!r}")
        minimum, maximum = statistics.bounds(self.request)
        if self.method == "min-max":
            return self._learned(minimum, maximum)
        return replace(self, bounds=(tuple(minimum.tolist()), tuple(maximum.tolist())))

    def _learned(self, minimum: torch.Tensor, maximum: torch.Tensor) -> Self:
        scale, zero_point = affine_parameters(minimum, maximum)
        return replace(self, bounds=None, scale=tuple(scale.tolist()), zero_point=tuple(zero_point.tolist()))

    def packed_width(self, width: int) -> int:
        """One byte a dimension."""
        return width

    def bytes_per_vector(self, width: int) -> int:
        """Width bytes."""
        return width

    def quantize(self, values: torch.Tensor) -> torch.Tensor:
        """Floats (..., width) to uint8 (..., width)."""
        return self._codes(values).round_().clamp_(0, LEVELS - 1).to(torch.uint8)

    def dequantize(self, packed: torch.Tensor, width: int, out: torch.Tensor | None = None) -> torch.Tensor:
        """Float32 (..., width) from uint8 (..., width)."""
        scale, zero_point = self._parameters(packed.device)
        codes = packed[..., :width].to(torch.float32) if out is None else out.copy_(packed[..., :width])
        return codes.sub_(zero_point).mul_(scale)

    def saturated(self, values: torch.Tensor) -> torch.Tensor:
        """How many values lie further outside the range than rounding alone would move them."""
        codes = self._codes(values)
        # Half a step, and the little that a division in float32 may add to it.
        slack = 0.501
        return ((codes < -slack) | (codes > LEVELS - 1 + slack)).sum()

    def _codes(self, values: torch.Tensor) -> torch.Tensor:
        """Unrounded codes, float32 (..., width), in memory of their own."""
        scale, zero_point = self._parameters(values.device)
        return torch.div(values.to(torch.float32), scale).add_(zero_point)

    def _parameters(self, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
        """Scale and zero point, float32 (1,) or (width,)."""
        if self.scale is None or self.zero_point is None:
            raise UsageError(f"quantizer {self.request} has not been calibrated")
        return (
            torch.tensor(self.scale, dtype=torch.float32, device=device),
            torch.tensor(self.zero_point, dtype=torch.float32, device=device),
        )

    def to_dict(self) -> dict[str, Any]:
        """JSON: the request, and what has been measured so far; floats that JSON's shortest form gives back exactly."""
        document: dict[str, Any] = {"request": self.request}
        if self.bounds is not None:
            document["bounds"] = [list(bound) for bound in self.bounds]
        if self.scale is not None and self.zero_point is not None:
            document |= {"scale": list(self.scale), "zero_point": list(self.zero_point)}
        return document

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Self:
        """Inverse of `to_dict`."""
        requested = cls.parse(tuple(document["request"].split(":")[1:]))
        bounds, scale, zero_point = (document.get(key) for key in ("bounds", "scale", "zero_point"))
        return replace(
            requested,
            bounds=None if bounds is None else (tuple(bounds[0]), tuple(bounds[1])),
            scale=None if scale is None else tuple(scale),
            zero_point=None if zero_point is None else tuple(zero_point),
        )


def affine_parameters(minimum: torch.Tensor, maximum: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Scale (float32) and zero point (int64) that map [minimum, maximum] and zero onto 0…255.

    The formula of `torch.ao.quantization` observers for quint8, affine (`_calculate_qparams`), in float32 as
    there. Only what lies beyond half of float32's own range is cut off, so that no number decodes to inf.
    """
    low, high = minimum.clamp(-LARGEST, 0).float(), maximum.clamp(0, LARGEST).float()
    scale = ((high - low) / (LEVELS - 1)).clamp(min=SMALLEST_SCALE)
    zero_point = (-torch.round(low / scale)).long().clamp(0, LEVELS - 1)
    return scale, zero_point


def _check_parameters(granularity: str, scale: tuple[float, ...], zero_point: tuple[int, ...]) -> None:
    if len(scale) != len(zero_point) or not scale or (granularity == "per-tensor" and len(scale) != 1):
        raise UsageError(f"uint8 {granularity}: {len(scale)} scales and {len(zero_point)} zero points do not fit")
    if not all(math.isfinite(s) and s > 0 for s in scale) or not all(0 <= z < LEVELS for z in zero_point):
        raise UsageError("uint8: expected finite scales above 0 and zero points from 0 to 255")


def _unknown(words: tuple[str, ...]) -> UsageError:
    given = ":".join((UInt8.kind, *words))
    return UsageError(f"quantizer {given!r}: expected uint8[:per-tensor|:per-dimension][:min-max|:histogram]")
