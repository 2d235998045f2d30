"""The part shared by quantizers that learn a few numbers a dimension from its histogram over the sample."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Self

from encore.featurestore.common import torch
from encore.featurestore.errors import UsageError
from encore.featurestore.quantizers.base.contract import Calibration, PlainRequest
from encore.featurestore.quantizers.base.histograms import Histogram
from encore.featurestore.quantizers.base.ranges import Range


@dataclass(frozen=True)
class LearnedQuantizer(PlainRequest, ABC):
    """Two passes: the range of every dimension, then its histogram over that range.

    The histogram holds integers, so the parameters are the same for every order and split of the sample. A running sum
    of floats would not be, and medians of parts cannot be merged at all. The price: a parameter is known to a fraction
    of a bin only, a 2,048th of the range. Parameters are float64, which JSON's shortest form gives back exactly.

    A subclass adds one field for each parameter, a tuple of a number for each dimension and None before
    calibration, and says in `learned` how they come from the histogram.

    Attributes:
        bounds: minima and maxima between the two passes.

    Raises:
        UsageError: parameters that no calibration gives.
    """

    bounds: tuple[tuple[float, ...], tuple[float, ...]] | None = None

    def __post_init__(self) -> None:
        values = [value for value in self.parameters().values() if value is not None]
        complete = len(values) in (0, len(self.parameters())) and len({len(value) for value in values}) <= 1
        if not complete or not all(value and all(map(math.isfinite, value)) for value in values):
            names = " and ".join(self.parameters())
            raise UsageError(f"{self.kind}: expected {names} together, one finite number for each dimension")

    @abstractmethod
    def learned(self, histogram: Histogram) -> Self:
        """The quantizer with its parameters, from the histogram of each dimension."""

    def parameters(self) -> dict[str, tuple[float, ...] | None]:
        """What calibration measures: name → a number for each dimension, or None before."""
        return {field.name: getattr(self, field.name) for field in fields(self) if field.name != "bounds"}

    def _tensors(self, device: torch.device) -> tuple[torch.Tensor, ...]:
        """Every parameter, float64 (width,), in the order of the fields."""
        if not self.calibrated:
            raise UsageError(f"quantizer {self.request} has not been calibrated")
        values = self.parameters().values()
        return tuple(torch.tensor(value, dtype=torch.float64, device=device) for value in values)

    @property
    def calibrated(self) -> bool:
        """Whether the parameters are known."""
        return None not in self.parameters().values()

    def calibration_pass(self) -> Calibration | None:
        """The pass for the range, then the one over that range."""
        if self.calibrated:
            return None
        if self.bounds is None:
            return Range(per_dimension=True)
        minimum, maximum = (torch.tensor(bound, dtype=torch.float64) for bound in self.bounds)
        return Histogram(minimum, maximum)

    def with_calibration(self, statistics: Calibration) -> Self:
        """The quantizer after a finished pass.

        Raises:
            DataError: the pass saw no finite vector.
        """
        if isinstance(statistics, Histogram):
            return replace(self.learned(statistics), bounds=None)
        if not isinstance(statistics, Range):
            raise TypeError(f"{self.request}: expected the statistics of calibration_pass(), got {statistics!r}")
        minimum, maximum = statistics.bounds(self.request)
        return replace(self, bounds=(tuple(minimum.tolist()), tuple(maximum.tolist())))

    def saturated(self, values: torch.Tensor) -> torch.Tensor:
        """0: the outermost levels stand for all values beyond them."""
        return torch.zeros((), dtype=torch.int64, device=values.device)

    def to_dict(self) -> dict[str, Any]:
        """JSON: the request, and what has been measured so far."""
        measured = {name: list(value) for name, value in self.parameters().items() if value is not None}
        between = {} if self.bounds is None else {"bounds": [list(bound) for bound in self.bounds]}
        return {"request": self.request} | between | measured

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Self:
        """Inverse of `to_dict`."""
        requested = cls.parse(tuple(document["request"].split(":")[1:]))
        measured = {name: tuple(document[name]) for name in requested.parameters() if name in document}
        if "bounds" in document:
            minimum, maximum = document["bounds"]
            requested = replace(requested, bounds=(tuple(minimum), tuple(maximum)))
        return replace(requested, **measured)
