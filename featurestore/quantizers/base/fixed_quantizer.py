"""The part shared by quantizers whose map is fixed: nothing to choose, nothing to measure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from encore.featurestore.quantizers.base.contract import Calibration, PlainRequest


class FixedQuantizer(PlainRequest):
    """A quantizer that is always ready."""

    @property
    def calibrated(self) -> bool:
        """Always."""
        return True

    def calibration_pass(self) -> Calibration | None:
        """None: there is nothing to measure."""
        return None

    def with_calibration(self, statistics: Calibration) -> Self:
        """Raise ValueError: no pass was asked for."""
        raise ValueError(f"{self.kind} is not calibrated, got {statistics!r}")

    def to_dict(self) -> dict[str, Any]:
        """JSON: the request alone."""
        return {"request": self.request}

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Self:
        """Inverse of `to_dict`."""
        return cls.parse(tuple(document["request"].split(":")[1:]))
