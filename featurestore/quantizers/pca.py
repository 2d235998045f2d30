"""A budget of bits spent where the variance is: principal components, the large ones with more bits."""

from __future__ import annotations

import base64
import heapq
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np
import torch

from featurestore.errors import UsageError
from featurestore.quantizers.contract import Calibration
from featurestore.quantizers.moments import Moments
from featurestore.quantizers.packing import pack, packed_width, unpack
from featurestore.quantizers.ranges import Range

STEPS = (1.595769121606, 0.995686685944, 0.586019441443, 0.3352006122, 0.18813879028, 0.104063009442)
ERRORS = (1.0, 0.363380227632, 0.118846050384, 0.037439659392, 0.011542884431, 0.003495211362, 0.001040045409)
"""Step and squared error of the best uniform quantizer of a standard normal variable with 1, 2, … bits (Max, 1960);
the error of 0 bits is the variance."""

MOST_BITS = len(STEPS)

LARGEST = 2.0**120
"""Deviation above which the outermost level of `MOST_BITS` bits would come near the end of float32."""


@dataclass(frozen=True)
class Pca:
    """``pca:B``: transform coding with B bits a dimension on average (1 unless given).

    The features are rotated to their principal components, and each component gets bits as long as they lower the
    squared error most: reverse water-filling (Cover and Thomas, section 10.3.3) in whole bits. A component of b bits
    is rounded to the nearest of 2**b equally spaced levels; one of none is dropped. Where the variance is spread
    unevenly, as over the components of token features, one bit a dimension keeps far more of it than the 64 % that a
    sign keeps of a normal dimension.

    Decoded are the components, and not the features: a head learns its own linear maps, for which a rotation makes no
    difference, so nobody pays for turning back.

    The bits of a vector lie in planes: the highest bit of every component that has one, then the second bit of every
    component that has two, and so on. Components come by falling variance and so by falling bits: a plane is a prefix.

    Attributes:
        bits: mean bits a dimension.
        bounds: largest magnitude of each dimension, between the two passes.
        mean: of each dimension over the calibration sample.
        rotation: base64 of (width, width) little-endian float16: the components as columns, largest first.
        deviation: standard deviation of each component.
        allocated: bits of each component, falling.

    Raises:
        UsageError: bits out of range, or parameters that no calibration gives.
    """

    bits: float = 1.0
    bounds: tuple[float, ...] | None = None
    mean: tuple[float, ...] | None = None
    rotation: str | None = None
    deviation: tuple[float, ...] | None = None
    allocated: tuple[int, ...] | None = None

    kind: ClassVar[str] = "pca"
    dtype: ClassVar[str] = "uint8"
    default_codec: ClassVar[str] = "none"

    def __post_init__(self) -> None:
        if not 0 < self.bits <= MOST_BITS:
            raise UsageError(f"quantizer pca:{self.bits:g}: expected above 0 and at most {MOST_BITS} bits a dimension")
        measured = (self.mean, self.rotation, self.deviation, self.allocated)
        if self.mean is None or self.rotation is None or self.deviation is None or self.allocated is None:
            if any(part is not None for part in measured):
                raise UsageError("pca: expected mean, rotation, deviation and allocated bits together")
            return
        width = len(self.mean)
        if not width or len(self.deviation) != width or len(self.allocated) != width:
            raise UsageError(f"pca: expected {width} deviations and allocations")
        if sum(self.allocated) != self.total_bits(width) or list(self.allocated) != sorted(
            self.allocated, reverse=True
        ):
            raise UsageError(f"pca: expected {self.total_bits(width)} bits in all, falling from component to component")
        if not 0 <= min(self.allocated) <= max(self.allocated) <= MOST_BITS:
            raise UsageError(f"pca: expected 0 to {MOST_BITS} bits a component")
        if len(base64.b64decode(self.rotation, validate=True)) != 2 * width**2:
            raise UsageError(f"pca: expected a rotation of {width} × {width} numbers of 2 bytes")
        if not all(math.isfinite(number) for number in (*self.mean, *self.deviation)) or min(self.deviation) < 0:
            raise UsageError("pca: expected finite means, and deviations from 0 on")

    @classmethod
    def parse(cls, words: tuple[str, ...]) -> Self:
        """Read the number of bits; raise UsageError for anything else."""
        text = words[0] if words else "1"
        if len(words) > 1 or not re.fullmatch(r"\d+(\.\d+)?", text):
            raise UsageError(f"quantizer {':'.join(('pca', *words))!r}: expected pca or pca:B, B bits a dimension")
        return cls(float(text))

    @property
    def request(self) -> str:
        """``pca:1``, ``pca:0.5``, …."""
        return f"pca:{self.bits:g}"

    @property
    def calibrated(self) -> bool:
        """Whether the components are known."""
        return self.rotation is not None

    def total_bits(self, width: int) -> int:
        """Bits of a vector of ``width`` floats."""
        return min(MOST_BITS * width, max(1, round(self.bits * width)))

    def calibration_pass(self) -> Calibration | None:
        """The pass for the range of each dimension, then the one for the covariance."""
        if self.calibrated:
            return None
        if self.bounds is None:
            return Range(per_dimension=True)
        return Moments(torch.tensor(self.bounds, dtype=torch.float64))

    def with_calibration(self, statistics: Calibration) -> Self:
        """The quantizer after a finished pass.

        Raises:
            DataError: the pass saw no finite vector.
        """
        if isinstance(statistics, Range):
            minimum, maximum = statistics.bounds(self.request)
            bound = torch.maximum(minimum.abs(), maximum.abs())
            return replace(self, bounds=tuple(torch.where(bound > 0, bound, 1.0).tolist()))
        if not isinstance(statistics, Moments):
            raise TypeError(f"{self.request}: expected the statistics of calibration_pass(), got {statistics!r}")
        mean, covariance = statistics.mean_and_covariance()
        variances, components = torch.linalg.eigh(covariance)
        variances, components = variances.flip(0).clamp_min(0.0), components.flip(1)
        # A component's sign is arbitrary: its largest entry is made positive.
        largest = components.gather(0, components.abs().argmax(dim=0, keepdim=True))
        components = components * torch.where(largest < 0, -1.0, 1.0)
        rotation = components.to(torch.float16).numpy().astype("<f2").tobytes()
        return replace(
            self,
            bounds=None,
            mean=tuple(mean.tolist()),
            rotation=base64.b64encode(rotation).decode("ascii"),
            # Whatever is decoded must stay within float32.
            deviation=tuple(variances.sqrt().clamp_max(LARGEST).tolist()),
            allocated=allocate_bits(variances.tolist(), self.total_bits(len(mean))),
        )

    def packed_width(self, width: int) -> int:
        """Bytes of a vector's bits."""
        return packed_width(self.total_bits(width), 1)

    def bytes_per_vector(self, width: int) -> int:
        """Bits · width / 8, rounded up."""
        return self.packed_width(width)

    def quantize(self, values: torch.Tensor) -> torch.Tensor:
        """Floats (..., width) to packed bit planes, uint8 (..., ⌈bits · width / 8⌉)."""
        mean, rotation, deviation, _ = (part.to(values.device) for part in self._tensors)
        allocated = torch.tensor(self.allocated, device=values.device)
        kept = int((allocated > 0).sum())
        # In float64, so that a vector has the same bits whatever other vectors it is rotated with.
        components = (values.double() - mean) @ rotation[:, :kept]
        steps = torch.tensor(STEPS, dtype=torch.float64, device=values.device)[allocated[:kept] - 1] * deviation[:kept]
        half = 2 ** (allocated[:kept] - 1)
        # A component that never varied has the step 0: whatever it is, it lies in the middle.
        levels = torch.where(steps > 0, components / steps, 0.0).floor_()
        codes = levels.clamp_(-half.double(), half.double() - 1).to(torch.int32) + half
        planes = [
            codes[..., :count] >> (allocated[:count] - 1 - place) & 1 for place, count in enumerate(self._plane_sizes)
        ]
        return pack(torch.cat(planes, dim=-1).to(torch.uint8), 1)

    def dequantize(self, packed: torch.Tensor, width: int) -> torch.Tensor:
        """Components as float32 (..., width) from packed bit planes."""
        weights = self._tensors[3].to(packed.device, torch.float32)
        signs = unpack(packed, torch.tensor([-1.0, 1.0], device=packed.device), self.total_bits(width)) * weights
        decoded = signs.new_zeros(*packed.shape[:-1], width)
        start = 0
        for count in self._plane_sizes:
            decoded[..., :count] += signs[..., start : start + count]
            start += count
        return decoded

    def saturated(self, values: torch.Tensor) -> int:  # noqa: ARG002 (the protocol passes them)
        """0: the outermost levels stand for all that lies beyond them."""
        return 0

    @cached_property
    def _plane_sizes(self) -> tuple[int, ...]:
        """Components that have a first bit, a second bit, …."""
        allocated = self.allocated or ()
        return tuple(sum(bits > place for bits in allocated) for place in range(max(allocated, default=0)))

    @cached_property
    def _tensors(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        """Mean (width,), rotation (width, width), deviation (width,), what each stored bit weighs (bits,); float64."""
        if self.mean is None or self.rotation is None or self.deviation is None or self.allocated is None:
            raise UsageError(f"quantizer {self.request} has not been calibrated")
        width = len(self.mean)
        rotation = np.frombuffer(base64.b64decode(self.rotation), "<f2").reshape(width, width)
        weights = [
            STEPS[bits - 1] / 2 * 2 ** (bits - 1 - place) * deviation
            for place, count in enumerate(self._plane_sizes)
            for bits, deviation in zip(self.allocated[:count], self.deviation[:count], strict=True)
        ]
        return (
            torch.tensor(self.mean, dtype=torch.float64),
            torch.from_numpy(rotation.astype(np.float64)),
            torch.tensor(self.deviation, dtype=torch.float64),
            torch.tensor(weights, dtype=torch.float64),
        )

    def to_dict(self) -> dict[str, Any]:
        """JSON: the request, and what has been measured so far; ``steps`` are for readers without Encore."""
        document: dict[str, Any] = {"request": self.request}
        if self.bounds is not None:
            document["bounds"] = list(self.bounds)
        if self.mean is not None and self.deviation is not None and self.allocated is not None:
            document |= {
                "mean": list(self.mean),
                "rotation": self.rotation,
                "deviation": list(self.deviation),
                "allocated": list(self.allocated),
                "steps": list(STEPS),
            }
        return document

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Self:
        """Inverse of `to_dict`."""
        requested = cls.parse(tuple(document["request"].split(":")[1:]))
        bounds, mean, deviation, allocated = (
            None if document.get(name) is None else tuple(document[name])
            for name in ("bounds", "mean", "deviation", "allocated")
        )
        return replace(
            requested,
            bounds=bounds,
            mean=mean,
            rotation=document.get("rotation"),
            deviation=deviation,
            allocated=allocated,
        )


def allocate_bits(variances: Sequence[float], total: int) -> tuple[int, ...]:
    """Whole bits of components of these falling variances: each goes where it lowers the squared error most.

    The error of a component falls by less with every bit, so that this greedy choice is the best one.
    """
    bits = [0] * len(variances)
    gains = [(-variance * (ERRORS[0] - ERRORS[1]), place) for place, variance in enumerate(variances)]
    heapq.heapify(gains)
    for _ in range(total):
        _, place = heapq.heappop(gains)
        bits[place] += 1
        if bits[place] < MOST_BITS:
            gain = variances[place] * (ERRORS[bits[place]] - ERRORS[bits[place] + 1])
            heapq.heappush(gains, (-gain, place))
    return tuple(bits)
