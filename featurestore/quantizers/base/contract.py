"""What every quantizer offers: the lossy numeric map between float features and stored numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Protocol, Self, runtime_checkable

from encore.featurestore.common import torch
from encore.featurestore.errors import UsageError


class Calibration(Protocol):
    """Statistics of one calibration pass; merging is exact, so order and number of workers do not matter."""

    def update(self, values: torch.Tensor) -> None:
        """Take in float features of shape (..., width)."""

    def merge(self, other: Self) -> None:
        """Take in what another worker saw."""


@runtime_checkable
class Quantizer(Protocol):
    """A frozen strategy; `request` names it before calibration, `to_dict` holds what was measured.

    Shapes: float features are (..., width); packed features are (..., packed_width(width)) of `dtype`.
    """

    kind: ClassVar[str]
    """First word of the request: ``float16``, ``uint8``, ``int2``."""

    dtype: ClassVar[str]
    """NumPy name of the stored numbers' type: ``float16`` or ``uint8``."""

    default_codec: ClassVar[str]
    """Lossless codec that suits the packed numbers: ``none``, ``zstd`` or ``blosc``."""

    @classmethod
    def parse(cls, words: tuple[str, ...]) -> Self:
        """Read the words that follow the kind in a request; raise UsageError on what is unknown."""
        ...

    @property
    def request(self) -> str:
        """Canonical request text, for example ``uint8:per-tensor:min-max``."""
        ...

    @property
    def calibrated(self) -> bool:
        """Whether `quantize` can run: always, for a quantizer that measures nothing."""
        ...

    def calibration_pass(self) -> Calibration | None:
        """Statistics for the next pass over the sample; None when nothing is left to measure."""
        ...

    def with_calibration(self, statistics: Any) -> Self:
        """The quantizer after a finished pass."""
        ...

    def packed_width(self, width: int) -> int:
        """Stored numbers for a vector of ``width`` floats."""
        ...

    def bytes_per_vector(self, width: int) -> int:
        """Payload bytes of a vector of ``width`` floats (paper, table 2)."""
        ...

    def quantize(self, values: torch.Tensor) -> torch.Tensor:
        """Pack floats (..., width) to (..., packed_width); runs on the device of ``values``."""
        ...

    def dequantize(self, packed: torch.Tensor, width: int, out: torch.Tensor | None = None) -> torch.Tensor:
        """Floats (float32) of shape (..., width) from packed (..., packed_width), into contiguous ``out`` if given."""
        ...

    def saturated(self, values: torch.Tensor) -> torch.Tensor:
        """How many of the floats lie outside what `quantize` can represent: int64 (), on the device of ``values``."""
        ...

    def to_dict(self) -> dict[str, Any]:
        """JSON: ``request`` and the calibrated parameters."""
        ...

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Self:
        """Inverse of `to_dict`."""
        ...


class PlainRequest:
    """A quantizer whose request is its kind alone."""

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
