"""Four bits a dimension: sixteen levels of the standardised dimension."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from encore.featurestore.quantizers.base import GaussianQuantizer


@dataclass(frozen=True)
class Int4(GaussianQuantizer):
    """Two dimensions a byte; squared error 0.0095 of the variance of a normal dimension."""

    kind: ClassVar[str] = "int4"
    dtype: ClassVar[str] = "uint8"
    default_codec: ClassVar[str] = "zstd"
    bits: ClassVar[int] = 4
    upper_levels: ClassVar[tuple[float, ...]] = (
        0.128395029851147,
        0.3880482994902902,
        0.6567591185324634,
        0.9423404564869614,
        1.2562311973471771,
        1.6180463860218826,
        2.0690172265313866,
        2.732589570995163,
    )
