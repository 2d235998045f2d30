"""The part shared by quantizers whose map is fixed: nothing to choose, nothing to measure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

from featurestore.errors import UsageError
from featurestore.quantizers.contract import Calibration


class FixedQuantizer:
    """A quantizer whose request is its kind alone and which is always ready."""

    kind: ClassVar[str]

    @classmethod
    def parse(cls, words: tuple[str, ...]) -> Self:
        """The quantizer; raise UsageError if anything follows the kind."""
        if words:
            raise UsageError(
                f"quantizer {':'.join((cls.kind, *words))!r}: {cls.kind} takes no options; ask for {cls.kind}"
            )
        return cls()

    @property
    def request(self) -> str:
        """The kind."""
        return self.kind

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
